"""What both engines differ in, without a whole stack: what is seen of them, users, folders in memory, health."""

import os
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from stackctl.contracts.host import Owner
from stackctl.core.observed import EngineSeen
from stackctl.core.start.events import Changed
from stackctl.effects.docker.docker import DockerEngine
from tests.core.samples import rendered, seen
from tests.e2e.engines.contained import USER, ContainedEngine, contained_engine

pytestmark = [pytest.mark.engine, pytest.mark.machines, pytest.mark.sample]
BASE = "localhost/stackctl/base:1"
COMPOSE = (("docker", "compose"), (2, 40, 3))


@pytest.fixture(scope="module")
def podman(own_images: None) -> Iterator[ContainedEngine]:
    del own_images
    with contained_engine("podman", images=(BASE,)) as engine:
        yield engine


@pytest.fixture(scope="module")
def rootless(own_images: None) -> Iterator[ContainedEngine]:
    del own_images
    with contained_engine("rootless", images=(BASE,)) as engine:
        yield engine


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerEngine]:
    """The engine of DOCKER_HOST, for whoever sets that first."""
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    engine = DockerEngine(print, Path)
    yield engine
    engine.client.close()


def look(docker: DockerEngine, at: ContainedEngine, monkeypatch: pytest.MonkeyPatch) -> EngineSeen:
    monkeypatch.setenv("DOCKER_HOST", at.environment["DOCKER_HOST"])
    return docker.look(*COMPOSE)


def sillytavern(on: EngineSeen) -> tuple[str, list[str]]:
    """As whom SillyTavern would run there, and its folders in memory, as they are rendered."""
    service = yaml.safe_load(rendered(None, seen(on=on)))["services"]["sillytavern"]
    return service["user"], [word for folder in service["tmpfs"] for word in ("--tmpfs", folder)]


def written(engine: ContainedEngine, user: str, scratch: list[str]) -> os.stat_result:
    """What a container of that user makes of a file that belongs to the folder's owner alone: it copies it."""
    folder = engine.place / "private"
    folder.mkdir()
    (folder / "key").write_text("secret")
    (folder / "key").chmod(0o600)
    for path in (folder, folder / "key"):
        os.chown(path, USER, USER)
    script = "cp /private/key /tmp/key && cp /tmp/key /private/copy"
    options = ("--rm", "--read-only", "--cap-drop", "ALL", "--user", user, *scratch, "-v", f"{folder}:/private")
    engine.docker("run", *options, BASE, "sh", "-c", script)
    return (folder / "copy").stat()


def test_a_rootless_docker_is_known_and_its_root_is_the_folder_s_owner(
    docker: DockerEngine, rootless: ContainedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = look(docker, rootless, monkeypatch)
    assert (found.product, found.is_rootless, found.is_local) == ("Docker Engine", True, True)
    assert found.user == Owner(uid=USER, gid=USER)
    user, scratch = sillytavern(found)
    assert user == "0:0"
    assert written(rootless, user, scratch).st_uid == USER


def test_podman_is_known_and_takes_the_folders_in_memory_as_they_are_rendered(
    docker: DockerEngine, podman: ContainedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = look(docker, podman, monkeypatch)
    assert (found.product, found.version >= (5,), found.is_rootless) == ("Podman Engine", True, False)
    user, scratch = sillytavern(found)
    assert user == f"{USER}:{USER}"
    assert written(podman, user, scratch).st_uid == USER
    assert sillytavern(replace(found, product="Docker Engine"))[1] != scratch


def test_podman_checks_a_container_s_health_while_stackctl_waits(
    docker: DockerEngine, podman: ContainedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", podman.environment["DOCKER_HOST"])
    health = ("--health-cmd", "test -e /tmp/ready", "--health-interval", "1h", "--health-start-period", "1h")
    script = ("sh", "-c", "sleep 2; touch /tmp/ready; sleep 60")
    labels = ("--label", "com.docker.compose.project=t-health")
    with closing(docker.watch("t-health")) as watch:
        podman.docker("run", "--detach", *labels, *health, BASE, *script)
        changes = (event.state for event in watch.events(time.monotonic() + 30) if isinstance(event, Changed))
        assert next(one.health for one in changes if one.health not in {"", "starting"}) == "healthy"
