"""Stacks in a Swarm of three nodes, one for each file of tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from tests.e2e.own_engine import add_offloads
from tests.e2e.swarm.cluster import WITH_GPU, Cluster, call
from tests.e2e.swarm.stack import SwarmStack


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest, own_images: None, alone: FileLock) -> Iterator[Cluster]:
    """Three nodes, with Docker's default heartbeat; nothing of them is left afterwards."""
    del own_images
    with alone:
        add_offloads(lambda *words: call("docker", *words))
    made = Cluster(request.module.__name__.rpartition("test_")[2].replace("_", "")[:12], images=WITH_GPU)
    try:
        made.up()
        yield made
    finally:
        made.down()


@pytest.fixture(scope="module")
def new_stack(cluster: Cluster, installed: Path) -> Callable[..., SwarmStack]:
    """Make a deployment folder on nas. The Swarm goes afterwards, and what it runs with it."""
    used: list[str] = []

    def make(name: str) -> SwarmStack:
        used.append(name)
        return SwarmStack(cluster, name, (str(installed),), port=8000 + len(used))

    return make
