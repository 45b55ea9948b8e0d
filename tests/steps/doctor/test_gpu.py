"""The doctor's checks of the GPU: each fault by its name, and nothing where nothing is wrong."""

from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.contracts.cdi import CdiSeen
from stackctl.contracts.engine_link import EngineLink
from stackctl.contracts.finding import CheckResult
from stackctl.contracts.gpu_trial import GpuTrial, Inside
from stackctl.contracts.host import Gpu
from stackctl.contracts.repair import RewriteFile, WriteFile
from stackctl.contracts.system import Ran
from stackctl.core.gpu.cdi_files import FOLDERS
from stackctl.steps.doctor.check import Looks
from stackctl.steps.doctor.gpu import CHECKS
from stackctl.steps.doctor.run_checks import run_checks
from tests.commands.machines import Quiet, quiet
from tests.core.samples import CDI, GPU, engine
from tests.fakes import FakeImages

SOCKET = EngineLink(address="unix:///var/run/docker.sock", socket="/var/run/docker.sock")
LOST = replace(GPU, fault="it has fallen off the bus", fix="Reboot the machine.", issue="gpu-failed")
HANGS = replace(GPU, fault="its driver hangs", fix="Reboot the machine.", issue="gpu-driver-hangs")
AMD = Gpu(index=0, uuid="a", name="AMD Radeon", total_mib=8000, free_mib=8000, make="amd")
TOOLKIT = {"nvidia-container-runtime-hook": "/usr/bin/nvidia-container-runtime-hook"}


@pytest.fixture
def here(tmp_path: Path) -> Quiet:
    """A machine with systemd's Docker, a GPU that works, and NVIDIA's toolkit."""
    found = quiet(tmp_path)
    found.gpus.found = (GPU,)
    found.docker.link_ = SOCKET
    found.docker.seen = engine((28, 5, 2), nvidia_runtime=True)
    found.docker.cdi_files = CdiSeen(folders=FOLDERS)
    found.system.programs.update(TOOLKIT)
    found.system.texts |= {
        "/run/systemd/system/a": "",
        "/usr/lib/systemd/system/docker.service": "",
        "/run/docker.pid": "77\n",
        "/proc/77/comm": "dockerd\n",
        "/proc/77/cmdline": "/usr/bin/dockerd\0-H\0fd://\0",
        "/etc/docker/daemon.json": '{"features": {"cdi": false}}\n',
    }
    return found


def look(here: Quiet, *, is_deep: bool = False) -> dict[str, CheckResult]:
    clock = here.system.monotonic
    looks = Looks(here.machine, is_deep, until=clock() + 60)
    results = run_checks(CHECKS, looks, until=clock() + 60, deep_until=clock() + 60, clock=clock)
    return {one.check: one for one in results}


def issues(here: Quiet, *, is_deep: bool = False) -> list[str]:
    return [one.issue for result in look(here, is_deep=is_deep).values() for one in result.findings]


def test_a_gpu_that_works_gives_no_finding(here: Quiet) -> None:
    assert issues(here) == []
    assert look(here)["GPU driver"].says == "it lists 1 GPU"


@pytest.mark.parametrize("mode", ["auto", "none"])
@pytest.mark.parametrize("gpus", [(), (AMD,), (replace(AMD, fault="no render node", issue="gpu-driver-missing"),)])
def test_where_the_stack_uses_no_gpu_nothing_is_wrong(here: Quiet, gpus: tuple[Gpu, ...], mode: str) -> None:
    here.gpus.found = gpus
    (here.machine.path / "stack.toml").write_text(f'[gpu]\nmode = "{mode}"\n')
    here.docker.seen = engine((28, 5, 2))
    assert issues(here) == []


def test_a_broken_gpu_that_the_settings_leave_out_is_no_fault(here: Quiet) -> None:
    here.gpus.found = (LOST,)
    (here.machine.path / "stack.toml").write_text('[gpu]\nmode = "none"\n')
    assert issues(here) == []


@pytest.mark.parametrize("gpu", [LOST, HANGS])
def test_a_gpu_that_can_not_be_used_is_the_only_finding_and_the_rest_is_not_tried(here: Quiet, gpu: Gpu) -> None:
    here.gpus.found = (gpu,)
    results = look(here)
    (finding,) = results["GPU driver"].findings
    assert (finding.issue, finding.severity, finding.hint) == (gpu.issue, "failure", "Reboot the machine.")
    assert results["GPU in the engine"].state == "not tried"
    assert issues(here) == [gpu.issue]


def test_a_broken_gpu_beside_one_that_works_is_a_warning(here: Quiet) -> None:
    here.gpus.found = (GPU, replace(LOST, index=1, uuid="b"))
    (finding,) = look(here)["GPU driver"].findings
    assert (finding.issue, finding.severity) == ("gpu-failed", "warning")


def test_a_driver_that_was_not_asked_in_time_is_not_said_to_hang(here: Quiet) -> None:
    here.gpus.found = (replace(HANGS, issue=""),)
    result = look(here)["GPU driver"]
    assert (result.state, result.findings) == ("not tried", ())


def test_an_update_of_the_driver_that_waits_for_a_reboot_is_a_warning(here: Quiet) -> None:
    here.system.texts["/sys/module/nvidia/version"] = "550.54.14\n"
    here.system.answers["modinfo -F version nvidia"] = Ran(code=0, out="570.86.10\n")
    (finding,) = look(here)["driver update"].findings
    assert (finding.issue, finding.severity) == ("gpu-driver-mismatch", "warning")
    assert "550.54.14 is loaded, and 570.86.10 is installed" in finding.says
    here.system.answers["modinfo -F version nvidia"] = Ran(code=0, out="550.54.14\n")
    assert issues(here) == []
    here.system.answers["modinfo -F version nvidia"] = Ran(code=1, err="not found")
    assert issues(here) == []


def test_cdi_that_is_switched_off_is_named_and_repaired_in_the_users_file(here: Quiet) -> None:
    here.docker.seen = engine((28, 5, 2))
    here.docker.cdi_files = CdiSeen()
    (here.machine.path / "stack.toml").write_text('[gpu]\nmode = "cdi"\n')
    (finding,) = look(here)["GPU in the engine"].findings
    assert (finding.issue, finding.severity) == ("cdi-disabled", "failure")
    assert finding.repair
    write = finding.repair.steps[0]
    assert isinstance(write, WriteFile)
    assert write.text == '{"features": {"cdi": true}}\n'


def test_cdi_that_is_off_is_named_in_auto_only_where_a_file_describes_the_gpu(here: Quiet) -> None:
    here.docker.seen = engine((28, 5, 2))
    here.docker.cdi_files = CdiSeen()
    here.system.programs.clear()
    assert issues(here) == ["gpu-not-offered"]
    here.system.texts["/etc/cdi/nvidia.yaml"] = "kind: nvidia.com/gpu\n"
    assert issues(here) == ["cdi-disabled"]
    here.docker.seen = engine((28, 5, 2), nvidia_runtime=True)
    assert issues(here) == []  # by the toolkit


def test_a_device_that_no_file_describes_is_described_by_the_toolkit(here: Quiet) -> None:
    (here.machine.path / "stack.toml").write_text('[gpu]\nmode = "cdi"\n')
    (finding,) = look(here)["GPU in the engine"].findings
    assert finding.issue == "cdi-missing"
    assert finding.repair
    (step,) = finding.repair.steps
    assert isinstance(step, RewriteFile)
    here.docker.cdi_files = CdiSeen(folders=FOLDERS, has_toolkit=False)
    assert look(here)["GPU in the engine"].findings[0].repair is None


def test_a_toolkit_that_is_not_installed_is_named_with_what_installs_it(here: Quiet) -> None:
    here.docker.seen = engine((28, 5, 2))
    here.system.programs.clear()
    (finding,) = look(here)["GPU in the engine"].findings
    assert (finding.issue, finding.severity, finding.repair) == ("gpu-not-offered", "failure", None)
    assert "stackctl setup" in finding.hint


def test_a_toolkit_on_the_engines_own_path_is_found(here: Quiet) -> None:
    here.docker.seen = engine((28, 5, 2))
    here.system.programs.clear()
    here.system.texts["/proc/77/environ"] = "A=b\0PATH=/opt/toolkit:/bin\0"
    here.system.texts["/opt/toolkit/nvidia-container-runtime-hook"] = ""
    assert issues(here) == []


def test_an_engine_that_was_not_set_up_for_the_toolkit_is_repaired(here: Quiet) -> None:
    here.docker.seen = engine((28, 5, 2))
    here.system.programs["nvidia-container-runtime"] = "/usr/bin/nvidia-container-runtime"
    (finding,) = look(here)["GPU in the engine"].findings
    assert (finding.issue, finding.severity) == ("gpu-not-offered", "warning")
    assert finding.repair
    write = finding.repair.steps[0]
    assert isinstance(write, WriteFile)
    assert '"runtimes": {"nvidia": {"args": [], "path": "nvidia-container-runtime"}}' in write.text
    here.docker.view = "snap"
    assert look(here)["GPU in the engine"].findings[0].repair is None


@pytest.mark.parametrize(("version", "is_old"), [("1.17.7", True), ("1.17.8", False), ("1.19.0", False)])
def test_a_toolkit_with_a_known_fault_is_a_warning(here: Quiet, version: str, is_old: bool) -> None:
    said = f"NVIDIA Container Toolkit CLI version {version}\ncommit: abc\n"
    here.system.answers["nvidia-ctk --version"] = Ran(code=0, out=said)
    assert issues(here) == (["gpu-toolkit-too-old"] if is_old else [])


def test_a_container_is_tried_only_if_that_is_wanted(here: Quiet) -> None:
    here.docker.images = FakeImages(here={"localhost/stackctl/llamacpp:debian": "sha256:1"})
    here.docker.trials = {"nvidia": GpuTrial(drivers=("nvidia",), inside=Inside(nodes=()))}
    assert look(here)["GPU in a container"].state == "not tried"
    assert here.docker.asked == []
    assert issues(here, is_deep=True) == ["gpu-not-in-container"]
    sees = Inside(nodes=("/dev/nvidiactl", "/dev/nvidia0"))
    here.docker.trials = {"nvidia": GpuTrial(drivers=("nvidia",), inside=sees)}
    assert issues(here, is_deep=True) == []


def test_an_engine_with_cdi_devices_is_well(here: Quiet) -> None:
    here.docker.seen = engine((28, 5, 2), cdi_devices=CDI)
    (here.machine.path / "stack.toml").write_text('[gpu]\nmode = "cdi"\n')
    assert issues(here) == []
