"""How this machine runs its engine, and whether the engine's configuration is in order."""

from pathlib import Path, PurePosixPath

import pytest

from stackctl.contracts.engine_link import EngineLink, LinkFailure
from stackctl.contracts.finding import CheckResult
from stackctl.contracts.system import Ran, User
from stackctl.core.doctor.engine_service import EngineService
from stackctl.steps.doctor.check import Looks
from stackctl.steps.doctor.engine_configuration import CHECKS
from stackctl.steps.doctor.engine_service import engine_service
from tests.commands.machines import Quiet, quiet

UNIT, SCRIPT = "/usr/lib/systemd/system/docker.service", "/etc/init.d/docker"
SYSTEMD, OPENRC, SNAP = "/run/systemd/system/a", "/run/openrc/a", "/var/snap/docker/current/a"
RUNS = {"/run/docker.pid": "77\n", "/proc/77/comm": "dockerd\n", "/proc/77/cmdline": "dockerd\0-H\0fd://\0"}
CONFIG = "/etc/docker/daemon.json"
REFUSED = "the following directives are specified both as a flag and in the configuration file: hosts"


@pytest.fixture
def here(tmp_path: Path) -> Quiet:
    return quiet(tmp_path)


def look(here: Quiet, *, failure: LinkFailure = "", socket: str = "/var/run/docker.sock") -> EngineService:
    here.docker.link_ = EngineLink(address=f"unix://{socket}", socket=socket, failure=failure)
    return engine_service(Looks(here.machine))


@pytest.mark.parametrize(
    ("files", "programs", "init"),
    [
        ((SYSTEMD, UNIT), (), "systemd"),
        ((SYSTEMD, "/etc/systemd/system/docker.service"), (), "systemd"),
        ((SYSTEMD,), (), ""),
        ((SYSTEMD, SNAP), (), "snap"),
        ((OPENRC, SCRIPT), ("rc-service", "service"), "openrc"),
        ((SCRIPT,), ("service",), "sysv"),
        ((SCRIPT,), (), ""),
        ((), (), ""),
        ((SYSTEMD, UNIT), ("midclt",), ""),  # TrueNAS
    ],
)
def test_what_starts_the_engine_is_known_by_what_lies_here(
    here: Quiet, files: tuple[str, ...], programs: tuple[str, ...], init: str
) -> None:
    here.system.texts |= dict.fromkeys(files, "")
    here.system.programs |= {name: f"/usr/sbin/{name}" for name in programs}
    assert look(here, failure="missing").init == init


def test_a_rootless_engine_is_the_users_own_service(here: Quiet) -> None:
    here.system.who = User(name="ann", uid=1000, home="/home/ann")
    here.system.texts |= {SYSTEMD: "", "/home/ann/.config/systemd/user/docker.service": ""}
    found = look(here, failure="missing", socket="/run/user/1000/docker.sock")
    assert (found.init, found.needs_root) == ("systemd --user", False)
    assert found.config == PurePosixPath("/home/ann/.config/docker/daemon.json")


@pytest.mark.parametrize("socket", ["/srv/engine/docker.sock", "", "/run/user/1001/docker.sock"])
def test_an_engine_that_is_not_the_machines_is_never_restarted(here: Quiet, socket: str) -> None:
    here.system.texts |= {SYSTEMD: "", UNIT: "", **RUNS}
    assert look(here, socket=socket).init == ""


def test_what_answers_but_is_no_dockerd_is_never_restarted(here: Quiet) -> None:
    here.system.texts |= {SYSTEMD: "", UNIT: ""}
    assert look(here).init == ""  # Podman's socket, for one
    here.system.texts |= {**RUNS, "/proc/77/comm": "nginx\n"}  # the number is another's now
    assert look(here).init == ""
    here.system.texts |= RUNS
    assert (look(here).init, look(here).pid) == ("systemd", 77)


def test_the_configuration_is_that_of_the_running_daemon(here: Quiet) -> None:
    options = "dockerd\0--config-file=/srv/d.json\0"
    here.system.texts |= {SYSTEMD: "", UNIT: "", **RUNS, "/proc/77/cmdline": options, "/srv/d.json": '{"a": 1}'}
    found = look(here)
    assert (found.config, found.config_text) == (PurePosixPath("/srv/d.json"), '{"a": 1}')


def test_a_folder_that_hides_its_files_is_not_taken_for_an_empty_one(here: Quiet) -> None:
    here.system.texts |= {SYSTEMD: "", UNIT: "", **RUNS}
    assert look(here).config_text == ""
    here.system.texts["/etc/docker/key.json"] = ""
    here.system.answers["test -x /etc/docker"] = Ran(code=1)
    assert look(here).config_text is None


def check(here: Quiet, *, failure: LinkFailure = "") -> CheckResult:
    here.docker.link_ = EngineLink(address="", socket="/var/run/docker.sock", failure=failure)
    return CHECKS[0].run(Looks(here.machine, until=here.system.time + 60))


@pytest.fixture
def docker(here: Quiet) -> Quiet:
    """A running Docker whose dockerd can check its configuration."""
    here.system.texts |= {SYSTEMD: "", UNIT: "", **RUNS, CONFIG: '{"debug": true}'}
    here.system.programs["dockerd"] = "/usr/bin/dockerd"
    here.system.answers["/usr/bin/dockerd --help"] = Ran(code=0, out="      --validate   Validate ...")
    here.system.answers[f"/usr/bin/dockerd -H fd:// --validate --config-file {CONFIG}"] = Ran(code=0)
    return here


def test_a_valid_or_missing_configuration_is_no_finding(docker: Quiet) -> None:
    assert check(docker).state == "passed"
    del docker.system.texts[CONFIG]
    assert check(docker).state == "passed"


@pytest.mark.parametrize(("failure", "severity"), [("refused", "failure"), ("", "warning")])
def test_a_damaged_configuration_is_named_with_its_line_and_has_no_repair(
    docker: Quiet, failure: LinkFailure, severity: str
) -> None:
    docker.system.texts[CONFIG] = '{\n  "debug": true\n  "a": 1\n}\n'
    (finding,) = check(docker, failure=failure).findings
    assert (finding.issue, finding.severity, finding.repair) == ("engine-configuration-invalid", severity, None)
    assert "line 3, column 3" in finding.says
    assert ("will not start again" in finding.says) is (not failure)


def test_what_dockerd_refuses_is_shown_in_its_own_words(docker: Quiet) -> None:
    argv = f"/usr/bin/dockerd -H fd:// --validate --config-file {CONFIG}"
    docker.system.answers[argv] = Ran(code=1, err=f"unable to configure the Docker daemon: {REFUSED}\n")
    (finding,) = check(docker).findings
    assert REFUSED in finding.evidence[0]


@pytest.mark.parametrize("answer", [Ran(code=-1, is_late=True), Ran(code=-1, err="not found")])
def test_a_dockerd_that_can_not_be_asked_is_no_finding(docker: Quiet, answer: Ran) -> None:
    docker.system.answers[f"/usr/bin/dockerd -H fd:// --validate --config-file {CONFIG}"] = answer
    assert check(docker).state == "passed"
