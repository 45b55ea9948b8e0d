"""The GPUs: their driver, the engine that passes them on, and, if that is wanted, a container that gets them."""

from pathlib import PurePosixPath
from typing import Final

from stackctl.contracts.finding import CheckResult, Finding
from stackctl.contracts.host import Gpu
from stackctl.core.config.lock import Decisions
from stackctl.core.doctor import gpu as judge
from stackctl.core.doctor.gpu import ToolkitSeen
from stackctl.core.formats.version import dotted
from stackctl.core.gpu.cdi_files import FOLDERS, cdi_names
from stackctl.core.gpu.driver import judge_driver
from stackctl.core.gpu.layers import LayerVerdict
from stackctl.core.gpu.unusable import usable
from stackctl.core.plan import gpu_request
from stackctl.errors import GpuError
from stackctl.gpus import GPUS
from stackctl.gpus.contract import Toolkit
from stackctl.machine import Machine
from stackctl.steps.config_request import read_lock
from stackctl.steps.doctor.check import Check, Looks
from stackctl.steps.doctor.engine_service import engine_service
from stackctl.steps.gpu_layers import observe_for_gpu, plan_trial, try_layers

_DRIVER_S: Final = 1.5  # how long a driver may take for its answer
TOO_SHORT: Final = "its driver could not be asked in time on this busy machine"
_ASK_S: Final = 1.0
_MOST: Final = 1 << 20
_MOST_LINES: Final = 6
_NO_GPU: Final = CheckResult(untried="the stack here uses no GPU", applies=False)


def _all_gpus(looks: Looks) -> tuple[Gpu, ...]:
    return looks.once("gpus", lambda: looks.machine.gpus.list(waits=False, within_s=looks.left_s(_DRIVER_S)))


def _gpus(looks: Looks) -> tuple[Gpu, ...]:
    """Return the GPUs that the settings may use, broken ones, too."""
    return judge.wanted_gpus(looks.spec(), _all_gpus(looks))


def _check_driver(looks: Looks) -> CheckResult:
    gpus = _gpus(looks)
    if not gpus:
        return CheckResult(says="the stack uses no GPU" if _all_gpus(looks) else "no GPU")
    if any(gpu.fault and not gpu.issue for gpu in gpus):  # one that was not asked in time
        return CheckResult(untried=TOO_SHORT)
    findings = judge.judge_gpus(gpus)
    if findings:
        return CheckResult(findings=findings)
    return CheckResult(says=judge_driver(gpus).says)


def _check_installed(looks: Looks) -> CheckResult:
    """Compare the driver that is loaded with the one that is installed, and would be loaded at a boot."""
    system = looks.machine.system
    for make in judge.makes_of(usable(_gpus(looks))):
        if make.TOOLKIT:
            loaded = (system.text(PurePosixPath(f"/sys/module/{make.TOOLKIT.module}/version")) or "").strip()
            said = (
                system.ask(("modinfo", "-F", "version", make.TOOLKIT.module), within_s=looks.left_s(_ASK_S))
                if loaded
                else None
            )
            installed = said.out.strip() if said and not said.code else ""
            if findings := judge.judge_installed(loaded, installed):
                return CheckResult(findings=findings)
            if installed:
                return CheckResult(says="the loaded driver is the installed one")
    return CheckResult(untried="no driver tells its version", applies=False) if _gpus(looks) else _NO_GPU


def _check_offer(looks: Looks) -> CheckResult:
    gpus, machine = _gpus(looks), looks.machine
    if not gpus:
        return _NO_GPU
    if not usable(gpus):
        return CheckResult(untried="the driver comes first")
    engine = looks.engine()
    if not engine.is_local:
        return CheckResult(untried="the engine is on another machine")
    service, seen = engine_service(looks), observe_for_gpu(engine, usable(gpus), machine)
    try:
        request = gpu_request.request_gpu(looks.spec(), seen, Decisions(read_lock(machine)))
    except GpuError as error:
        return CheckResult(findings=(judge.judge_refusal(error, seen, service),))
    if request is None:
        return CheckResult(says="the stack computes on the CPU")
    make = GPUS[request.make]
    if cdi_names(request) or make.TOOLKIT is None:
        return CheckResult(says="the engine can pass on the GPU")
    here = _toolkit(looks, make.TOOLKIT, service.pid)
    findings = (*judge.judge_offer(make, seen, here, service), *judge.judge_files(seen))
    return CheckResult(findings=findings, says="" if findings else "the engine can pass on the GPU")


def _check_toolkit(looks: Looks) -> CheckResult:
    looks.engine()
    for make in judge.makes_of(usable(_gpus(looks))):
        if make.TOOLKIT:
            here = _toolkit(looks, make.TOOLKIT, engine_service(looks).pid)
            if findings := judge.judge_toolkit(make.TOOLKIT, here):
                return CheckResult(findings=findings)
            if here.version:
                return CheckResult(says=f"its toolkit is {dotted(here.version)}")
    return CheckResult(untried="no toolkit is in use", applies=False) if _gpus(looks) else _NO_GPU


def _check_container(looks: Looks) -> CheckResult:
    gpus, machine = _gpus(looks), looks.machine
    if not gpus:
        return _NO_GPU
    planned = plan_trial(looks.spec(), looks.engine(), usable(gpus), judge_driver(gpus), machine)
    if isinstance(planned, LayerVerdict):
        return CheckResult(untried=planned.says)
    verdicts = try_layers(planned, looks.spec(), machine)
    findings = tuple(_finding(one) for one in verdicts if one.state == "fails")
    return CheckResult(findings=findings, says=next((one.says for one in verdicts[::-1] if one.state == "works"), ""))


def _finding(one: LayerVerdict) -> Finding:
    return Finding(
        issue=one.issue or "gpu-not-in-container", says=one.says, hint=one.hint, evidence=one.evidence[:_MOST_LINES]
    )


def _toolkit(looks: Looks, toolkit: Toolkit, pid: int) -> ToolkitSeen:
    """Return what is installed of a toolkit. pid: the engine's process, whose PATH counts; 0 if unknown."""

    def look() -> ToolkitSeen:
        system = looks.machine.system
        pid_ = pid or looks.machine.docker.details().pid
        has_tool = bool(system.program(toolkit.tool))
        said = system.ask((toolkit.tool, "--version"), within_s=looks.left_s(_ASK_S)).out if has_tool else ""
        return ToolkitSeen(
            has_tool=has_tool,
            has_hook=any(_is_on_path(one, pid_, looks.machine) for one in toolkit.hooks),
            has_runtime=_is_on_path(toolkit.runtime, pid_, looks.machine),
            version=judge.read_version(said),
            has_cdi_file=any(_describes(folder, toolkit, looks.machine) for folder in FOLDERS),
        )

    return looks.once(f"toolkit {toolkit.tool}", look)


def _is_on_path(program: str, pid: int, machine: Machine) -> bool:
    """Return whether a program is on our PATH, or on that of a process, as far as this user may read it."""
    around = (machine.system.text(PurePosixPath(f"/proc/{pid}/environ"), most=_MOST) or "") if pid else ""
    path = next((one.removeprefix("PATH=") for one in around.split("\0") if one.startswith("PATH=")), "")
    folders = [PurePosixPath(one) for one in path.split(":") if one.startswith("/")]
    return bool(machine.system.program(program)) or any(machine.system.exists(one / program) for one in folders)


def _describes(folder: str, toolkit: Toolkit, machine: Machine) -> bool:
    """Return whether a CDI file in a folder is one of devices of this toolkit."""
    names = [one for one in machine.system.names(PurePosixPath(folder)) if one.endswith((".yaml", ".json"))]
    kind = toolkit.kind.removesuffix("=")
    return any(kind in (machine.system.text(PurePosixPath(folder) / one) or "") for one in names)


CHECKS: Final[tuple[Check, ...]] = (
    Check(name="GPU driver", title="the driver lists the GPUs", run=_check_driver),
    Check(name="driver update", title="the loaded driver is the installed one", run=_check_installed),
    Check(name="GPU in the engine", title="the engine can pass on the GPU", run=_check_offer),
    Check(name="GPU toolkit", title="the toolkit has no known fault", run=_check_toolkit),
    Check(name="GPU in a container", title="a container gets the GPU", run=_check_container, is_deep=True),
)
