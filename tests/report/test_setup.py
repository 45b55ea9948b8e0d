"""What `stackctl setup --print` prints on each distribution: a script to copy, with what of it was tried."""

import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.commands.setup import SetUp
from stackctl.contracts.engine_link import EngineLink
from stackctl.core.setup.plan import Wanted, plan_setup
from stackctl.core.setup.seen import Seen
from stackctl.report.setup import set_up
from tests.core.setup.machines import ANN, OS_RELEASES, bare, distribution

GOLDEN = Path(__file__).parents[1] / "golden" / "setup"
ANSWERS = EngineLink(address="unix:///var/run/docker.sock")


def ready(name: str, **more: object) -> Seen:
    """A machine with Docker and Compose, and an NVIDIA GPU."""
    seen = replace(bare(name, gpu=True), link=ANSWERS, command="docker", product="Docker Engine", compose=(2, 40, 3))
    return replace(seen, has_engine=True, **more)  # type: ignore[arg-type]


# the name of the golden -> the machine, and what the user wants
MACHINES: dict[str, tuple[Seen, Wanted]] = {
    **{name: (bare(name), Wanted()) for name in OS_RELEASES},
    "debian-12-own-packages": (bare("debian-12"), Wanted(source="distribution")),
    "debian-13-from-docker": (bare("debian-13"), Wanted(source="docker")),
    "debian-13-nvidia": (bare("debian-13", gpu=True), Wanted()),
    "debian-13-no-driver": (ready("debian-13", driver=""), Wanted()),
    "debian-13-driver": (ready("debian-13", driver=""), Wanted(driver=True)),
    "debian-13-as-root": (replace(bare("debian-13"), user=replace(ANN, name="root", uid=0)), Wanted()),
    "debian-13-without-systemd": (replace(bare("debian-13"), init=""), Wanted()),
    "debian-13-nothing-lacking": (ready("debian-13", toolkit=True, knows_nvidia=True), Wanted()),
    "ubuntu-24.04-from-docker": (bare("ubuntu-24.04"), Wanted(source="docker")),
    "ubuntu-24.04-nvidia": (ready("ubuntu-24.04", running=("web",)), Wanted()),
    "ubuntu-24.04-driver": (ready("ubuntu-24.04", driver=""), Wanted(driver=True)),
    "ubuntu-24.04-rootless": (ready("ubuntu-24.04", is_rootless=True), Wanted()),
    "ubuntu-24.04-snap": (ready("ubuntu-24.04", command="snap", compose=()), Wanted(gpu=False)),
    "ubuntu-24.04-wsl": (
        replace(bare("ubuntu-24.04"), distribution=distribution("ubuntu-24.04", is_wsl=True)),
        Wanted(),
    ),
    "fedora-from-docker": (bare("fedora"), Wanted(source="docker")),
    "fedora-nvidia": (bare("fedora", gpu=True), Wanted()),
    "fedora-driver": (ready("fedora", driver=""), Wanted(driver=True)),
    "fedora-podman": (replace(bare("fedora"), has_podman=True), Wanted()),
    "fedora-podman-docker": (replace(bare("fedora"), command="podman", has_podman=True), Wanted()),
    "rocky-nvidia": (ready("rocky"), Wanted()),
    "arch-nvidia": (ready("arch"), Wanted()),
    "opensuse-tumbleweed-nvidia": (ready("opensuse-tumbleweed"), Wanted()),
    "alpine-nvidia": (ready("alpine"), Wanted()),
}


def printed(name: str) -> str:
    seen, wanted = MACHINES[name]
    return set_up(SetUp(setup=plan_setup(seen, wanted)))[0] + "\n"


@pytest.mark.parametrize("name", MACHINES)
def test_the_commands_for_a_system_are_those_of_its_golden(name: str, request: pytest.FixtureRequest) -> None:
    golden = GOLDEN / f"{name}.txt"
    if request.config.getoption("--update-goldens"):
        golden.write_text(printed(name), encoding="utf-8")
    assert printed(name) == golden.read_text(encoding="utf-8"), "look at the difference, then: --update-goldens"


def test_every_golden_belongs_to_a_machine() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(MACHINES)


@pytest.mark.parametrize("name", MACHINES)
def test_what_is_printed_is_a_script_that_a_shell_can_read(name: str) -> None:
    done = subprocess.run(("sh", "-n"), input=printed(name), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", MACHINES)
def test_commands_that_no_test_runs_are_marked(name: str) -> None:
    seen, wanted = MACHINES[name]
    setup = plan_setup(seen, wanted)
    untested = sum(not step.tried for step in setup.steps) + len(setup.by_hand)
    assert printed(name).count("(not run by stackctl's own tests)") == untested
    # only Debian's own packages, and the group, are tried
    assert all(seen.distribution.id == "debian" for step in setup.steps if step.tried)
    assert not [step for step in setup.steps if step.tried and any("docker-c" in one for one in step.packages)
                and "docker-ce" in step.packages]  # fmt: skip


@pytest.mark.parametrize("name", MACHINES)
def test_a_command_is_one_line_that_needs_no_shell(name: str) -> None:
    seen, wanted = MACHINES[name]
    for step in plan_setup(seen, wanted).steps:
        for action in step.does:
            if hasattr(action, "argv"):
                assert shlex.split(shlex.join(action.argv)) == list(action.argv)
                assert not set("|;&<>`") & set("".join(action.argv))
