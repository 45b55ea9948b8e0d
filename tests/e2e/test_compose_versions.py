"""Compose as the distributions have it: 2.26 and 2.40, as docker's plugin and as a program of its own name."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.core.model.demo_model import SENTENCE
from stackctl.effects.storage import Folder, owner_of
from stackctl.orchestrators.compose.run import Compose
from tests.e2e.conftest import ROOT, Stack, free_port
from tests.e2e.own_engine import call, engine_host

pytestmark = [pytest.mark.engine, pytest.mark.debian, pytest.mark.machines]
VERSIONS = ("2.26", "2.40")
GOLDENS = sorted((ROOT / "tests" / "golden").glob("*.yml"))


@pytest.fixture(scope="session")
def composes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The programs, from the packages of the distribution's suites."""
    place = str(tmp_path_factory.mktemp("composes") / "engine")
    return {version: Path(call("compose-path", "--dir", place, version).strip()) for version in VERSIONS}


@pytest.mark.sample
@pytest.mark.parametrize("version", VERSIONS)
def test_each_is_the_version_that_it_is_called(version: str, composes: dict[str, Path]) -> None:
    argv = [str(composes[version]), "version", "--short"]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert said.startswith(f"{version}.")


@pytest.mark.sample
def test_there_are_goldens() -> None:
    assert len(GOLDENS) > 10


@pytest.mark.sample
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("golden", GOLDENS, ids=[path.stem for path in GOLDENS])
def test_every_golden_is_taken_without_a_word(
    version: str, golden: Path, composes: dict[str, Path], tmp_path: Path
) -> None:
    argv = [str(composes[version]), "--project-directory", str(tmp_path), "-f", str(golden), "config", "-q"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.sample
@pytest.mark.parametrize("version", VERSIONS)
def test_the_override_that_counts_is_the_one_that_compose_alone_would_take(
    version: str, composes: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, place = tmp_path / "bin", tmp_path / "place"
    alone.mkdir()
    (alone / "docker-compose").symlink_to(composes[version])
    monkeypatch.setenv("PATH", str(alone))
    place.mkdir()
    (place / "compose.yml").write_text("services: {a: {image: x}}")
    for name in (
        "docker-compose.override.yaml",
        "docker-compose.override.yml",
        "compose.override.yaml",
        "compose.override.yml",
    ):
        (place / name).write_text(f"services: {{a: {{environment: {{WHENCE: {name}}}}}}}")
        words = Compose(Folder(place, owner_of(place)), print).argv("a", "config")
        ours, plain = (
            subprocess.run(argv, cwd=place, capture_output=True, text=True, check=True).stdout
            for argv in (words, ["docker-compose", "-p", "a", "config"])
        )
        assert f"WHENCE: {name}" in ours
        assert ours == plain


def test_the_main_case_runs_with_either_compose_whatever_it_is_called(
    stack: Stack, composes: dict[str, Path], tmp_path: Path
) -> None:
    host = engine_host()  # with a DOCKER_CONFIG of the test's own, the user's context is out of sight
    plugins = tmp_path / "config" / "cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-compose").symlink_to(composes["2.26"])
    as_plugin = {"DOCKER_HOST": host, "DOCKER_CONFIG": str(tmp_path / "config")}
    with_old = replace(stack, environment={**stack.environment, **as_plugin})
    assert with_old.docker("compose", "version", "--short").startswith("2.26.")
    assert with_old.deploy("--port", str(free_port()))["reply"] == SENTENCE
    assert "start_interval" in (stack.folder / "compose.yml").read_text()

    # a machine that has no docker command at all, only Compose v2 under the name of v1
    alone = tmp_path / "bin"
    alone.mkdir()
    (alone / "docker-compose").symlink_to(composes["2.40"])
    without_docker = replace(stack, environment={**stack.environment, "DOCKER_HOST": host, "PATH": str(alone)})
    assert without_docker.deploy()["reply"] == SENTENCE
    states = json.loads(without_docker.run("status", "--json").stdout)
    assert states["ready"]
    shown = without_docker.run("--verbose", "stop", "llamacpp").stderr
    assert "docker-compose -p" in shown
    without_docker.run("down")
    assert not stack.docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={stack.name}")
