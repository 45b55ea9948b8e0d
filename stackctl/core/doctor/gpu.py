"""The doctor's judgement of the GPUs: their driver, and whether the engine can give them to containers.

Sources: Docker's release notes (CDI: a feature since 25, on by default since 28.3); moby's daemon/cdi.go (without the
feature no folder is read); NVIDIA's installation guide of the Container Toolkit.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from stackctl.contracts.finding import Finding, finding_of
from stackctl.contracts.host import Gpu
from stackctl.contracts.repair import Repair
from stackctl.core.config.section import NONE
from stackctl.core.config.spec import AUTO, Spec
from stackctl.core.doctor.cdi_repairs import describe_devices, repair_file
from stackctl.core.doctor.engine_config import Settings
from stackctl.core.doctor.engine_service import EngineService, restart_argv
from stackctl.core.doctor.repairs import set_engine_config
from stackctl.core.formats.version import dotted
from stackctl.core.gpu.cdi_files import find_faults
from stackctl.core.gpu.surroundings import fit_hint
from stackctl.core.gpu.unusable import described, usable
from stackctl.core.observed import EngineSeen, Observed
from stackctl.core.plan.gpu_request import around
from stackctl.errors import GpuError
from stackctl.gpus import GPUS, MODES, chosen_by_auto, find_make
from stackctl.gpus.contract import Make, Toolkit
from stackctl.terminal import command_line

CDI: Final[Settings] = {"features": {"cdi": True}}
_CDI_FROM: Final = (25,)
_CDI_BY_ITSELF: Final = (28, 3)
_HOOKS_TRY_CDI: Final = (29, 2)  # from here on the engine's driver tries CDI files first
_VERSION: Final = re.compile(r"\bversion v?(\d+)\.(\d+)\.(\d+)")
_CPU: Final = "Or run on the CPU with `stackctl deploy --gpu none`."


@dataclass(frozen=True, kw_only=True)
class ToolkitSeen:
    """The parts of a make's toolkit that are installed. has_hook: on the engine's PATH; version: () if unknown."""

    has_tool: bool = False
    has_hook: bool = False
    has_runtime: bool = False
    version: tuple[int, ...] = ()
    has_cdi_file: bool = False  # a file in one of the usual folders describes its devices


def wanted_gpus(spec: Spec, gpus: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
    """Return the GPUs that the settings may use, broken ones, too; () for the CPU, and for a backend elsewhere."""
    if spec.gpu.mode == NONE or spec.backend.is_external:
        return ()
    if spec.gpu.mode == AUTO:
        return chosen_by_auto(gpus)
    return find_make(spec.gpu.mode, gpus).passed_on(gpus) if spec.gpu.mode in MODES else ()


def judge_gpus(gpus: tuple[Gpu, ...]) -> tuple[Finding, ...]:
    """Return a finding for each GPU that can't be used: a warning where another one can."""
    is_left = bool(usable(gpus))
    return tuple(
        Finding(
            issue=gpu.issue or "gpu-failed",
            context=gpu.pci,
            says=described(gpu),
            hint=gpu.fix,
            severity="warning" if is_left else "failure",
        )
        for gpu in gpus
        if gpu.fault
    )


def judge_installed(loaded: str, installed: str) -> tuple[Finding, ...]:
    """Return that a driver was updated, and still runs as it was; () if one of the versions is unknown."""
    if not loaded or not installed or loaded == installed:
        return ()
    says = f"the GPU's driver {loaded} is loaded, and {installed} is installed: new programs can fail until a reboot"
    hint = "Reboot the machine, which loads the installed driver."
    return (Finding(issue="gpu-driver-mismatch", says=says, hint=hint, severity="warning"),)


def is_cdi_off(engine: EngineSeen, seen: Observed) -> bool:
    """Return whether the engine could read CDI files, and was not allowed to."""
    is_docker = engine.product == EngineSeen.product
    return is_docker and engine.version >= _CDI_FROM and seen.cdi is not None and not seen.cdi.folders


def judge_refusal(error: GpuError, seen: Observed, service: EngineService) -> Finding:
    """Return the finding for settings that the engine can't fulfil, with its repair."""
    engine = seen.engine
    if error.issue == "cdi-missing" and engine and is_cdi_off(engine, seen):
        return cdi_disabled(seen, service)
    repair = None
    if seen.cdi and not seen.view and error.issue == "cdi-missing":
        repair = describe_devices(seen.cdi)
    elif seen.cdi and not seen.view:
        fault = next((one for one in find_faults(seen.cdi) if one.says == error.message), None)
        repair = repair_file(fault, seen.cdi) if fault else None
    return replace(finding_of(error), repair=_here(repair, seen))


def cdi_disabled(seen: Observed, service: EngineService) -> Finding:
    """Return that the engine reads no CDI files, although GPUs are described there."""
    version = dotted(seen.engine.version) if seen.engine else ""
    says = f"Docker {version} does not read CDI files: its feature `cdi` is off"
    restart = command_line("sudo", *(restart_argv(service) or ("systemctl", "restart", "docker")))
    hint = f'Add "features": {{"cdi": true}} to {service.config}, then run `{restart}`. {_CPU}'
    repair = _here(set_engine_config(service, CDI), seen)
    return Finding(issue="cdi-disabled", says=says, hint=fit_hint(hint, around(seen)), repair=repair)


def judge_offer(make: Make, seen: Observed, here: ToolkitSeen, service: EngineService) -> tuple[Finding, ...]:
    """Return why an engine can't pass GPUs on by a make's toolkit, as far as that shows without a container."""
    engine, toolkit = seen.engine, make.TOOLKIT
    if engine is None or toolkit is None or make.RUNTIME in engine.runtimes:
        return ()
    if is_cdi_off(engine, seen) and here.has_cdi_file:
        return (cdi_disabled(seen, service),)
    if here.has_runtime:
        return (_unregistered(make, toolkit, seen, here, service),)
    if here.has_hook:
        return ()
    hint = f"Run `stackctl setup`, which installs the toolkit. {_CPU}"
    says = f"the engine can't give containers a GPU: {toolkit.hooks[0]} of the make's toolkit is not installed"
    return (Finding(issue="gpu-not-offered", says=says, hint=fit_hint(hint, around(seen))),)


def judge_files(seen: Observed) -> tuple[Finding, ...]:
    """Return the faults of CDI files where another way passes the GPUs on: a newer engine takes it after CDI."""
    if seen.cdi is None or seen.engine is None:
        return ()
    return tuple(
        Finding(
            issue=fault.issue,
            context=fault.file,
            says=fault.says,
            hint=fit_hint(fault.hint, around(seen)),
            evidence=fault.evidence,
            severity="failure" if seen.engine.version >= _HOOKS_TRY_CDI else "warning",
            repair=_here(repair_file(fault, seen.cdi), seen),
        )
        for fault in find_faults(seen.cdi)
    )


def judge_toolkit(toolkit: Toolkit, here: ToolkitSeen) -> tuple[Finding, ...]:
    """Return that a toolkit is older than the oldest one without a known fault."""
    if not here.version or here.version >= toolkit.oldest:
        return ()
    version, oldest = map(dotted, (here.version, toolkit.oldest))
    says = f"the toolkit of the GPU's maker is version {version}: {toolkit.why}"
    hint = f"Update it to {oldest} or newer with this system's package manager, then restart the engine."
    return (Finding(issue="gpu-toolkit-too-old", says=says, hint=hint, severity="warning"),)


def read_version(said: str) -> tuple[int, ...]:
    """Return the version in what a toolkit's program says of itself; () if there is none."""
    found = _VERSION.search(said)
    return tuple(map(int, found.groups())) if found else ()


def makes_of(gpus: tuple[Gpu, ...]) -> tuple[Make, ...]:
    """Return the makes of these GPUs, each once."""
    return tuple(GPUS[name] for name in dict.fromkeys(gpu.make for gpu in gpus) if name in GPUS)


def _unregistered(make: Make, toolkit: Toolkit, seen: Observed, here: ToolkitSeen, service: EngineService) -> Finding:
    """Return that a toolkit is installed, and the engine was not set up for it. One that was restarted may work."""
    says = f"the engine has no runtime {make.RUNTIME}, although {toolkit.runtime} is installed"
    hint = (
        f"Run `sudo {toolkit.tool} runtime configure --runtime=docker && sudo systemctl restart docker`. "
        f"`stackctl doctor --deep` shows whether a container gets the GPU."
    )
    settings = {"runtimes": {make.RUNTIME: {"args": [], "path": toolkit.runtime}}}
    repair = None if seen.engine and seen.engine.is_rootless else _here(set_engine_config(service, settings), seen)
    return Finding(
        issue="gpu-not-offered",
        says=says,
        hint=fit_hint(hint, around(seen)),
        severity="warning" if here.has_hook else "failure",
        repair=repair,
    )


def _here(repair: Repair | None, seen: Observed) -> Repair | None:
    """Return a repair where the engine is one of this machine's packages; None in other surroundings."""
    return None if seen.view else repair
