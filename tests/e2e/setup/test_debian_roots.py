"""setup in fresh roots of Debian 12 and 13: the commands that use Debian's own packages run, and leave what they say.

Docker's and NVIDIA's repositories are not tried, here or elsewhere; what is printed for them is in tests/golden/setup.
"""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.setup.roots import USER, DebianRoot, make

pytestmark = [pytest.mark.engine, pytest.mark.debian, pytest.mark.machines]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that programs may be run from, which a test's temporary one may not allow."""
    with tempfile.TemporaryDirectory(prefix="t-setup-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture(scope="module")
def bookworm(folder: Path) -> DebianRoot:
    return make("bookworm", folder)


@pytest.fixture(scope="module")
def trixie(folder: Path) -> DebianRoot:
    return make("trixie", folder)


def printed(root: DebianRoot, *words: str) -> dict[str, Any]:
    done = root.stackctl("setup", "--json", *words)
    assert done.code in {0, 4}, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def lacks(found: dict[str, Any]) -> list[str]:
    return [one["lack"] for one in found["lacking"]]


def run_tested(root: DebianRoot, found: dict[str, Any], release: str) -> list[str]:
    """Run the printed commands of the steps that are said to be tested, in one shell; return their titles."""
    steps = [one for one in found["steps"] if one["tested_on"]]
    assert all(release in one["tested_on"] for one in steps)
    lines = [line for one in steps for line in one["commands"]]
    done = root.run("set -e\n" + "\n".join(lines))
    assert done.code == 0, done.out[-2000:] + done.err[-2000:]
    return [one["title"] for one in steps]


def test_the_commands_for_debian_13_bring_the_engine_compose_and_the_group(trixie: DebianRoot, folder: Path) -> None:
    root = trixie.copy(folder / "trixie-printed")
    found = printed(root)
    assert lacks(found) == ["engine", "compose", "group"]
    assert len(run_tested(root, found, "Debian 13")) == len(found["steps"]) == 3
    assert {"docker.io", "docker-cli", "docker-buildx", "docker-compose", "apparmor"} <= root.packages()
    assert root.run("docker --version").out.startswith("Docker version 26.1")
    assert "version 2.26" in root.run("docker compose version").out
    assert "docker" in root.groups()
    # no systemd runs in a root, so Docker does not either; nothing else is lacking
    assert lacks(printed(root)) == ["service"]


def test_setup_installs_finds_only_what_is_left_and_takes_back_what_it_added(trixie: DebianRoot, folder: Path) -> None:
    root = trixie.copy(folder / "trixie-run")
    before, groups = root.packages(), root.groups()
    done = root.stackctl("setup", "--yes")
    assert done.code == 4, done.err
    added = root.packages() - before
    said = next(line for line in done.out.splitlines() if line.startswith("new packages: "))
    assert set(said.removeprefix("new packages: ").split(", ")) == added > {"docker.io", "docker-compose"}
    assert f"new in the group docker: {USER}" in done.out
    again = printed(root)
    assert (again["steps"], len(again["added"])) == ([], 3)
    assert root.stackctl("setup", "--yes").code == 4  # and nothing is run
    assert len(printed(root)["added"]) == 3
    back = root.stackctl("setup", "--undo", "--yes")
    assert back.code == 0, back.err
    assert (root.packages(), root.groups()) == (before, groups)
    assert not (root.place / "home" / USER / ".local/share/stackctl/setup.json").exists()
    assert lacks(printed(root)) == ["engine", "compose", "group"]


def test_debian_12_has_an_engine_and_compose_1_alone_which_is_said_with_the_way_on(
    bookworm: DebianRoot, folder: Path
) -> None:
    root = bookworm.copy(folder / "bookworm-printed")
    usual = printed(root)
    assert any("Debian 12 has only Compose 1.29" in note and "so does Docker" in note for note in usual["notes"])
    assert not [one for one in usual["steps"] if one["tested_on"] and one["packages"]]
    found = printed(root, "--from", "distribution")
    assert run_tested(root, found, "Debian 12") == [
        "Install Docker from Debian's packages",
        "Add ann to the group docker",
    ]
    assert root.run("docker --version").out.startswith("Docker version 20.10")
    assert root.run("docker compose version").code != 0
    left = printed(root, "--from", "distribution")
    assert lacks(left) == ["service", "compose"]
    assert [one["title"] for one in left["steps"]] == [
        "Add Docker's repository",
        "Install Docker Compose from Docker's packages",
    ]
    # Debian's own docker-compose changes nothing about that
    assert root.run("sudo apt-get install --quiet --yes --no-install-recommends docker-compose").code == 0
    (compose,) = [one["message"] for one in printed(root)["lacking"] if one["lack"] == "compose"]
    assert compose == "only Compose 1 is installed, and stackctl needs Compose 2.20 or newer"


def test_a_step_that_fails_names_what_stands_and_nothing_more_is_changed(bookworm: DebianRoot, folder: Path) -> None:
    root = bookworm.copy(folder / "bookworm-failing")
    (root.place / "etc/resolv.conf").write_text("nameserver 127.0.0.1\n")  # so no repository is found
    (root.place / "etc/apt/sources.list.d/debian.sources").unlink()
    before = root.packages()
    done = root.stackctl("setup", "--yes", "--from", "distribution")
    assert done.code == 4
    assert "apt-get install" in done.err
    assert "failed (exit 100)" in done.err
    assert "Unable to locate package docker.io" in done.err
    assert root.packages() == before
