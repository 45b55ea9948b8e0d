"""Rootless engines: in their containers root is the user that they run as, and the user's files are the user's."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from stackctl.core.model.demo_model import SENTENCE
from tests.e2e.conftest import Stack
from tests.e2e.engines.contained import USER, ContainedEngine, contained_engine

pytestmark = [pytest.mark.engine, pytest.mark.machines]


@pytest.fixture(scope="module", params=["rootless", "podman rootless"], ids=["docker", "podman"])
def rootless(own_images: None, request: pytest.FixtureRequest) -> Iterator[ContainedEngine]:
    del own_images
    with contained_engine(request.param) as engine:
        yield engine


@pytest.fixture(scope="module")
def deployed(rootless: ContainedEngine, installed: Path) -> tuple[Stack, str]:
    """A stack that was deployed to it, and the answer through SillyTavern."""
    stack = rootless.stack("t-rootless", installed)
    return stack, stack.deploy()["reply"]


def test_it_is_rootless(rootless: ContainedEngine) -> None:
    assert "name=rootless" in rootless.docker("info", "--format", "{{.SecurityOptions}}")


def test_it_runs_the_main_case(deployed: tuple[Stack, str]) -> None:
    stack, reply = deployed
    assert reply == SENTENCE
    services = yaml.safe_load((stack.folder / "compose.yml").read_text())["services"]
    assert {service["user"] for service in services.values()} == {"0:0"}


def test_all_that_lies_in_the_folder_is_the_user_s(deployed: tuple[Stack, str]) -> None:
    folder = deployed[0].folder
    key = folder / "backend" / "api-key"
    assert (key.stat().st_uid, key.stat().st_mode & 0o777) == (USER, 0o400)
    assert {path.lstat().st_uid for path in folder.rglob("*")} == {USER}


def test_smoke_finds_all_as_it_was_planned(deployed: tuple[Stack, str]) -> None:
    said = deployed[0].run("smoke", "--restart").stdout
    assert "0 failed, 0 not run" in said


def test_another_owner_is_refused_before_anything_is_touched(rootless: ContainedEngine, installed: Path) -> None:
    stack = rootless.stack("t-rootless-other", installed)
    (stack.folder / "stack.toml").write_text(f"sillytavern.uid = {USER + 1}\n")
    said = stack.fails(4, "deploy", "--images", "own")
    assert f"would run as user {USER + 1}, but this engine is rootless and runs as user {USER}" in said
    assert not (stack.folder / "compose.yml").exists()
