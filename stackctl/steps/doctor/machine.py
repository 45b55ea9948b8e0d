"""The machine: its kernel, memory and processor."""

from contextlib import suppress
from pathlib import PurePosixPath
from typing import Final

from stackctl.contracts.finding import CheckResult
from stackctl.core.config.spec import AUTO
from stackctl.core.doctor import kernel
from stackctl.core.doctor.commands import size
from stackctl.core.doctor.engine_service import DAEMON
from stackctl.core.doctor.memory import judge_memory, read_memory
from stackctl.core.doctor.processor import judge_processor
from stackctl.errors import StackctlError
from stackctl.machine import Machine
from stackctl.steps.doctor.check import Check, Looks
from stackctl.steps.doctor.storage import folders_in_use

_PROC: Final = PurePosixPath("/proc")
_APPARMOR: Final = PurePosixPath("/sys/kernel/security/apparmor")
_APPARMOR_ON: Final = PurePosixPath("/sys/module/apparmor/parameters/enabled")
_SELINUX: Final = PurePosixPath("/sys/fs/selinux/enforce")
_MODULES: Final = PurePosixPath("/lib/modules")
_REBOOT: Final = PurePosixPath("/run/reboot-required")
_ARC: Final = PurePosixPath("/proc/spl/kstat/zfs/arcstats")
_ELSEWHERE: Final = "the engine runs in another system"


def shares_kernel(looks: Looks) -> bool:
    """Return whether the engine runs in this system, so that what we see of the kernel is what it sees."""
    docker = looks.machine.docker
    looks.engine()
    return docker.is_local and docker.view in {"", "snap"}


def _cgroups(looks: Looks) -> CheckResult:
    details, system, spec = looks.details(), looks.machine.system, looks.spec()
    boot_line = (system.text(_PROC / "cmdline") or "") if shares_kernel(looks) else ""
    limits = {
        "limits.backend_cpus": spec.limits.backend_cpus,
        "limits.sillytavern_cpus": spec.limits.sillytavern_cpus,
    }
    wanted = [name for name, value in limits.items() if value != AUTO]
    findings = kernel.judge_cgroups(details, boot_line, system.user()) + kernel.judge_cpu_limit(details, wanted)
    return CheckResult(findings=findings, says=f"version {details.cgroup_version}" if details.cgroup_version else "")


def _apparmor(looks: Looks) -> CheckResult:
    details, system = looks.details(), looks.machine.system
    if not shares_kernel(looks):
        return CheckResult(untried=_ELSEWHERE)
    is_on = (system.text(_APPARMOR_ON) or "").startswith("Y") and system.exists(_APPARMOR)
    findings = kernel.judge_apparmor(
        details,
        is_on=is_on and not looks.machine.host.container_kind(),
        has_parser=bool(system.program("apparmor_parser")),
        profiles=system.text(_APPARMOR / "profiles"),
        user=system.user(),
    )
    return CheckResult(findings=findings, says="on" if is_on else "off")


def _selinux(looks: Looks) -> CheckResult:
    details, system = looks.details(), looks.machine.system
    if not shares_kernel(looks):
        return CheckResult(untried=_ELSEWHERE)
    is_enforcing = (system.text(_SELINUX) or "").strip() == "1"
    labels = []
    if is_enforcing and "selinux" in details.security:
        for folder in folders_in_use(looks):
            shown = system.ask(("stat", "-c", "%C", str(folder)), within_s=looks.left_s(0.5))
            if shown.code == 0:
                labels.append(kernel.Label(folder=folder, label=shown.out.strip()))
    findings = kernel.judge_selinux(details, is_enforcing=is_enforcing, labels=labels, user=system.user())
    return CheckResult(findings=findings, says="enforced" if is_enforcing else "off")


def _kernel(looks: Looks) -> CheckResult:
    system, machine = looks.machine.system, looks.machine
    if inside := machine.host.container_kind():
        return CheckResult(untried=f"the kernel is that of the machine around this container ({inside})")
    user, loaded = system.user(), system.text(_PROC / "modules") or ""
    is_needed = _has_engine_here(looks)
    modules = kernel.judge_modules(system.kernel(), system.names(_MODULES), loaded, user, is_needed=is_needed)
    packages = system.text(_REBOOT.with_name("reboot-required.pkgs"))
    reboot = kernel.judge_reboot(packages, user, is_marked=system.exists(_REBOOT))
    return CheckResult(findings=modules or reboot, says=f"kernel {system.kernel()}")


def _has_engine_here(looks: Looks) -> bool:
    """Return whether the engine, running or not, uses this kernel."""
    with suppress(StackctlError):
        return shares_kernel(looks)
    return bool(looks.machine.system.program(DAEMON))


def _memory(looks: Looks) -> CheckResult:
    system = looks.machine.system
    memory = read_memory(
        system.text(_PROC / "meminfo") or "", system.text(_PROC / "pressure/memory"), system.text(_ARC)
    )
    if memory is None:
        return CheckResult(untried="this system does not tell")
    findings = judge_memory(memory)
    if any(one.issue == "memory-low" for one in findings):
        findings = judge_memory(memory, _held_by_backend(looks))
    return CheckResult(findings=findings, says=f"{size(memory.available_mib)} available")


def _held_by_backend(looks: Looks) -> int:
    machine: Machine = looks.machine
    with suppress(StackctlError):
        plan = looks.plan()
        service = plan.backend_service if plan else None
        if plan and service and shares_kernel(looks):
            state = machine.docker.states(plan.name).get(service.name)
            ram = machine.host.ram(state.pid) if state and state.pid else None
            return ram.own_mib if ram else 0
    return 0


def _processor(looks: Looks) -> CheckResult:
    host = looks.machine.host
    if looks.spec().backend.is_external:
        return CheckResult(untried="the backend runs elsewhere", applies=False)
    cpu = host.cpu()
    has = " with AVX2" if cpu.architecture == "x86_64" else ""
    return CheckResult(findings=judge_processor(cpu, host.hypervisor()), says=f"{cpu.architecture}{has}")


CHECKS: Final[tuple[Check, ...]] = (
    Check(name="cgroups", title="the kernel can limit containers", run=_cgroups),
    Check(name="apparmor", title="AppArmor is complete, or off", run=_apparmor),
    Check(name="selinux", title="SELinux lets containers use the stack's folders", run=_selinux),
    Check(name="kernel", title="the kernel has its modules, and no reboot is due", run=_kernel),
    Check(name="memory", title="memory is available", run=_memory),
    Check(name="processor", title="the processor has AVX2", run=_processor),
)
