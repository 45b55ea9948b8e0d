"""Healthy machines of several kinds, on which the doctor has nothing to name but what is known of them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.conftest import Stack
from tests.e2e.doctor.faults import Seen, doctor
from tests.e2e.doctor.small_engine import OFFLINE, patiently
from tests.e2e.engines.contained import Kind, contained_engine
from tests.e2e.own_engine import own_engine

pytestmark = [pytest.mark.engine, pytest.mark.machines, pytest.mark.usefixtures("own_images")]

BASE = "localhost/stackctl/base:1"
SETTINGS = 'images = "own"\n[model]\npath = "demo"\n'
# what is true of some machines that tests run on, and no fault of the engine: version 1 of control groups
KNOWN = {"cgroup-version-1", "cgroup-limits-missing"}


def assert_well(seen: Seen) -> None:
    assert set(seen.issues) <= KNOWN, seen.values["findings"]
    assert seen.failures == ()
    assert seen.code == 0


def test_a_stack_that_runs(stack: Stack) -> None:
    stack.deploy("--no-proof")
    assert_well(patiently(lambda: doctor(stack.folder, environment={**OFFLINE, **stack.environment})))
    stack.clean()


@contextmanager
def in_container(kind: Kind) -> Iterator[tuple[Path, dict[str, str]]]:
    with contained_engine(kind, images=(BASE,)) as engine:
        yield engine.stack(f"t-well-{kind.replace(' ', '-')}", Path(sys.executable)).folder, engine.environment


@pytest.mark.parametrize("kind", ["newer", "rootless", "podman", "podman rootless"])
def test_another_engine(kind: Kind) -> None:
    with in_container(kind) as (folder, environment):
        (folder / "stack.toml").write_text(SETTINGS)
        assert_well(patiently(lambda: doctor(folder, environment={**OFFLINE, **environment})))


@pytest.mark.debian
def test_an_engine_of_2020(tmp_path: Path) -> None:
    folder = tmp_path / "chat"
    folder.mkdir()
    (folder / "stack.toml").write_text(SETTINGS)
    with own_engine(tmp_path / "engine", "--engine", "20.10", images=(BASE,)) as engine:
        assert_well(patiently(lambda: doctor(folder, environment={**OFFLINE, **engine.environment})))
