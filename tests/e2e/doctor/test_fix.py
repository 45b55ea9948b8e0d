"""`doctor --fix` on a real Docker: each fault is named first, gone after it, and back after its undo."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.e2e.doctor.faults import Seen
from tests.e2e.doctor.guest import Guest, guest
from tests.standins import nvml

pytestmark = [pytest.mark.engine, pytest.mark.debian, pytest.mark.machines]
CDI_OFF = '\t"features": { "buildkit": true, "cdi": false },\n\t"log-opts": { "max-size": "10m" }'
CDI_ON = CDI_OFF.replace("false", "true")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Guest]:
    with guest(tmp_path / "guest") as found:
        yield found


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """NVML that sees one GPU."""
    found = nvml.build(tmp_path_factory.mktemp("nvml"))
    nvml.answer(found, "mib = 24576", "driver = 550.54.14", "cuda = 12040")
    return found


def describe(file: Path, *, minor: int = 3) -> None:
    """Describe a GPU whose device file is /dev/null, which is 1:3."""
    node = {"path": "/dev/harmless", "hostPath": "/dev/null", "major": 1, "minor": minor}
    devices = [{"name": name, "containerEdits": {"deviceNodes": [node]}} for name in ("0", "all")]
    file.write_text(json.dumps({"cdiVersion": "0.6.0", "kind": "nvidia.com/gpu", "devices": devices}))


def around(library: Path | None) -> dict[str, str]:
    return {"LD_LIBRARY_PATH": str(library)} if library else {}


def look(machine: Guest, library: Path | None, *words: str) -> Seen:
    return machine.doctor(*words, environment=around(library))


def gpu_issues(seen: Seen) -> list[str]:
    return [one for one in seen.failures if one.startswith(("cdi", "gpu", "engine"))]


def sees(machine: Guest, issue: str, environment: Mapping[str, str]) -> bool:
    """Whether this is the first fault of engine and GPU; "": there is none. A busy machine is looked at again."""
    seen, looks = machine.doctor(environment=environment), 1
    while seen.state("GPU in the engine") == "not_tried" and looks < 5:
        seen, looks = machine.doctor(environment=environment), looks + 1
    assert gpu_issues(seen)[:1] == ([issue] if issue else []), seen.values
    return True


def the_repair(seen: Seen, issue: str) -> dict[str, object]:
    found: dict[str, object] = next(one for one in seen.values["repairs"] if one["issue"] == issue)
    return found


def undo(machine: Guest, seen: Seen, issue: str) -> None:
    commands = the_repair(seen, issue)["undo"]
    assert isinstance(commands, list)
    assert commands
    machine.shell(*commands)


@pytest.mark.sample
def test_cdi_that_is_off_is_switched_on_in_the_users_file_and_off_again_by_the_undo(
    machine: Guest, library: Path
) -> None:
    describe(machine.folder / "cdi" / "nvidia.json")
    machine.configure(CDI_OFF)
    before = machine.config.read_bytes()
    machine.run("service", "docker", "start")
    machine.add_image()
    machine.start_container("others-job")
    machine.start_container("others-web", "--restart", "unless-stopped")
    assert sees(machine, "cdi-disabled", around(library))

    nobody = look(machine, library, "--fix")
    assert the_repair(nobody, "cdi-disabled")["outcome"] == "not_asked"
    assert "It stops these containers for a moment: others-web." in nobody.said
    assert "do not start again by themselves: others-job" in nobody.said
    assert machine.config.read_bytes() == before
    assert machine.run("docker", "ps", "-q").count("\n") == 2

    fixed = look(machine, library, "--fix", "--yes")
    assert the_repair(fixed, "cdi-disabled")["outcome"] == "repaired"
    assert gpu_issues(fixed) == []
    assert machine.config.read_text() == before.decode().replace('"cdi": false', '"cdi": true')
    assert sees(machine, "", around(library))

    undo(machine, fixed, "cdi-disabled")
    assert machine.config.read_bytes() == before
    assert sorted(one.name for one in machine.config.parent.iterdir() if "daemon" in one.name) == ["daemon.json"]
    assert sees(machine, "cdi-disabled", around(library))


def test_a_stale_cdi_file_is_written_again_by_the_toolkit_and_back_by_the_undo(
    machine: Guest, library: Path, tmp_path: Path
) -> None:
    stale = machine.folder / "cdi" / "nvidia.json"
    describe(stale, minor=5)
    describe(current := tmp_path / "current.json")
    toolkit = write_toolkit(machine, f"cp {current} ${{3#--output=}}")
    machine.configure(CDI_ON)
    machine.run("service", "docker", "start")
    before = stale.read_bytes()
    words = ("--fix", "--yes")
    environment = {"LD_LIBRARY_PATH": str(library), "PATH": f"{toolkit}:{machine.environment['PATH']}"}
    assert sees(machine, "cdi-stale", environment)
    fixed = machine.doctor(*words, environment=environment)
    assert the_repair(fixed, "cdi-stale")["outcome"] == "repaired"
    assert (gpu_issues(fixed), stale.read_bytes()) == ([], current.read_bytes())
    undo(machine, fixed, "cdi-stale")
    assert stale.read_bytes() == before
    assert sees(machine, "cdi-stale", environment)

    # one that fails half-way leaves the file as it was
    write_toolkit(machine, "echo spoilt > ${3#--output=}; echo 'no GPU' >&2; exit 1")
    failed = machine.doctor(*words, environment=environment)
    repair = the_repair(failed, "cdi-stale")
    assert (repair["outcome"], repair["undo"], stale.read_bytes()) == ("failed", [], before)
    assert "no GPU" in str(repair["message"])


def write_toolkit(machine: Guest, does: str) -> Path:
    """A stand-in for nvidia-ctk: `cdi generate --output=FILE` does this."""
    (folder := machine.folder / "toolkit").mkdir(exist_ok=True)
    program = folder / "nvidia-ctk"
    version = 'echo "NVIDIA Container Toolkit CLI version 1.19.0"'
    program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && {{ {version}; exit; }}\n{does}\n')
    program.chmod(0o755)
    return folder


def test_an_engine_that_does_not_run_is_started_and_stopped_by_the_undo(machine: Guest) -> None:
    machine.configure(CDI_ON)
    assert look(machine, None).first == "engine-not-running"
    fixed = look(machine, None, "--fix", "--yes")
    assert the_repair(fixed, "engine-not-running")["outcome"] == "repaired"
    assert "engine-not-running" not in fixed.issues
    undo(machine, fixed, "engine-not-running")
    assert look(machine, None).first == "engine-not-running"


def test_a_damaged_configuration_is_named_with_its_line_and_never_written(machine: Guest) -> None:
    machine.configure('\t"debug": true,')
    before = machine.config.read_bytes()
    seen = look(machine, None, "--fix", "--yes")
    finding = seen.finding("engine-configuration-invalid")
    line = before.decode().splitlines().index("}") + 1
    assert (finding["fixable"], f"line {line}, column 1" in finding["message"]) == (False, True)
    assert finding["severity"] == "failure"
    assert machine.config.read_bytes() == before
    assert not (machine.folder / "run" / "docker.pid").exists()


def test_what_dockerd_refuses_is_named_before_it_must_start_again(machine: Guest) -> None:
    machine.configure(CDI_ON)
    machine.run("service", "docker", "start")
    assert "engine-configuration-invalid" not in look(machine, None).issues
    machine.configure(f'{CDI_ON},\n\t"no-such-option": 1')
    finding = look(machine, None).finding("engine-configuration-invalid")
    assert finding["severity"] == "warning"
    assert any("no-such-option" in line for line in finding["evidence"])
