"""The checks of the engine and of Compose."""

from dataclasses import replace
from pathlib import Path

from stackctl.contracts.engine_link import EngineLink, LinkFailure
from stackctl.contracts.finding import CheckResult
from stackctl.contracts.system import Ran, User
from stackctl.errors import EngineError
from stackctl.steps.doctor.check import Looks
from stackctl.steps.doctor.every_check import AREAS
from stackctl.steps.doctor.run_checks import run_checks
from tests.commands.machines import Quiet, quiet

USUAL = EngineLink(address="unix:///var/run/docker.sock", socket="/var/run/docker.sock")
UNIT = "/usr/lib/systemd/system/docker.service"


def checked(here: Quiet, name: str) -> CheckResult:
    """The result of one check of the engine."""
    (check,) = (one for one in AREAS["engine"] if one.name == name)
    (found,) = run_checks([check], Looks(here.machine), until=60.0, deep_until=0.0, clock=lambda: 0.0)
    return found


def broken(folder: Path, failure: LinkFailure) -> Quiet:
    """A machine with systemd and Docker, whose engine fails in this way."""
    here = quiet(folder)
    here.docker.link_ = replace(USUAL, failure=failure, says="words")
    here.system.texts |= {"/run/systemd/system/x": "", UNIT: ""}
    here.system.programs["dockerd"] = "/usr/bin/dockerd"
    return here


def test_an_engine_that_answers_is_described(tmp_path: Path) -> None:
    assert checked(quiet(tmp_path), "engine").says == "Docker Engine 28.5.2"


def test_an_engine_that_does_not_run_shows_its_unit_and_last_words(tmp_path: Path) -> None:
    here = broken(tmp_path, "refused")
    here.system.answers |= {
        "systemctl show docker.service --property ActiveState,SubState,Result": Ran(
            code=0, out="Result=exit-code\nActiveState=failed\nSubState=failed\n"
        ),
        "journalctl --unit docker.service --lines 40 --output cat --no-pager": Ran(
            code=0, out="starting\nfailed to start daemon: no space left\nStopped Docker.\n"
        ),
    }
    (found,) = checked(here, "engine").findings
    assert found.issue == "engine-not-running"
    assert found.evidence == (
        "Result=exit-code, ActiveState=failed, SubState=failed",
        "failed to start daemon: no space left",
    )


def test_a_machine_without_an_engine_needs_one(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    here.docker.link_ = replace(USUAL, failure="missing")
    assert [one.issue for one in checked(here, "engine").findings] == ["engine-not-installed"]


def test_who_may_not_open_the_socket_is_told_by_name(tmp_path: Path) -> None:
    here = broken(tmp_path, "permission")
    here.system.who = User(name="alice", uid=1000, groups=("alice",), listed_groups=("alice", "docker"))
    (found,) = checked(here, "engine").findings
    assert found.issue == "engine-permission"
    assert "alice is in the group docker" in found.says


def test_an_engine_that_is_too_old_is_found_by_the_issue_of_its_error(tmp_path: Path) -> None:
    here = quiet(tmp_path)

    def look(_: tuple[str, ...], __: tuple[int, ...]) -> None:
        raise EngineError("Docker Engine 19.3 is too old", hint="Install a newer Docker.", issue="engine-too-old")

    here.docker.look = look  # type: ignore[assignment, method-assign]
    (found,) = checked(here, "engine").findings
    assert (found.issue, found.hint) == ("engine-too-old", "Install a newer Docker.")


def test_without_an_engine_all_that_needs_one_is_not_tried(tmp_path: Path) -> None:
    here = broken(tmp_path, "missing")
    for name in ("snap", "boot"):
        assert checked(here, name).untried == "the engine does not answer"


def test_an_engine_of_another_machine_is_a_warning(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    here.docker.view, here.docker.is_local = "remote", False
    (found,) = checked(here, "engine").findings
    assert (found.issue, found.severity) == ("engine-elsewhere", "warning")


def test_an_engine_by_ssh_is_a_failure(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    here.docker.link_ = EngineLink(address="ssh://me@there", source="DOCKER_HOST", failure="elsewhere")
    (found,) = checked(here, "engine").findings
    assert (found.issue, found.severity) == ("engine-elsewhere", "failure")


def test_a_snap_is_a_warning(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    assert checked(here, "snap").state == "passed"
    here.docker.view = "snap"
    assert [one.issue for one in checked(here, "snap").findings] == ["engine-from-snap"]


def test_an_engine_that_does_not_start_at_boot_is_a_warning(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    here.docker.link_ = USUAL
    here.system.texts |= {"/run/systemd/system/x": "", UNIT: "", "/run/docker.pid": "7", "/proc/7/comm": "dockerd\n"}
    here.system.answers["systemctl is-enabled docker.service"] = Ran(code=1, out="disabled\n")
    assert [one.issue for one in checked(here, "boot").findings] == ["engine-not-at-boot"]
    here.system.answers["systemctl is-enabled docker.service"] = Ran(code=0, out="enabled\n")
    assert checked(here, "boot").state == "passed"
    here.system.answers["systemctl is-enabled docker.service"] = Ran(code=-1, is_late=True)
    assert checked(here, "boot").state == "not tried"


def test_compose_is_found_by_either_name(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    assert [one.issue for one in checked(here, "compose").findings] == ["docker-command-missing"]
    here.system.answers["docker-compose version --short"] = Ran(code=0, out="2.24.6\n")
    assert checked(here, "compose").says == "2.24.6"
    here.system.answers["docker compose version --short"] = Ran(code=0, out="2.40.3\n")
    assert checked(here, "compose").says == "2.40.3"


def test_a_docker_command_that_hangs_is_not_tried(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    here.system.answers["docker compose version --short"] = Ran(code=-1, is_late=True)
    assert checked(here, "compose").state == "not tried"
