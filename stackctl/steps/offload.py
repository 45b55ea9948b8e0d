"""Look at the GPUs before and after a start, for the proof that the model's layers are on them."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from stackctl.backends.contract import Buffer
from stackctl.contracts.host import Gpu
from stackctl.core.fit.reconcile import difference
from stackctl.core.gpu.offload import GpuUse, Offload, describe, differences, planned_mib
from stackctl.core.observed import ServiceState
from stackctl.core.plan.stack import Plan
from stackctl.core.start.planned_offload import planned_offload
from stackctl.core.start.start_state import StartState
from stackctl.errors import GpuError
from stackctl.gpus import GPUS
from stackctl.machine import Machine


@dataclass(frozen=True, kw_only=True)
class GpusBefore:
    """The MiB of each GPU, by UUID, that are free before a start, with what the replaced backend holds; {}: unknown."""

    free_mib: Mapping[str, int] = field(default_factory=dict)


def gpus_before(plan: Plan, before: Mapping[str, ServiceState], machine: Machine) -> GpusBefore:
    """Look at the GPUs before a start. before: what ran then, by service."""
    found = _gpus(plan, machine)
    ran = before.get(plan.backend)
    own: dict[str, int] = {}
    if found and ran and ran.pid and (ran.gpu_drivers or ran.devices):
        own = machine.gpus.held(ran.pid)
        if not own:  # the driver does not tell what the backend holds, which the start will free
            return GpusBefore()
    return GpusBefore(free_mib={one.uuid: one.free_mib + own.get(one.uuid, 0) for one in found if one.total_mib})


def see_offload(state: StartState, before: GpusBefore, machine: Machine) -> Offload | None:
    """Return what a start showed of the offload; None if none was planned, or its backend was ready before."""
    plan, wanted = state.plan, planned_offload(state.plan)
    runs, ran = state.states.get(plan.backend), state.before.get(plan.backend)
    if wanted is None or runs is None or (ran and ran.is_ready and ran.started_at == runs.started_at):
        return None
    gpus = () if runs.machine else _gpus(plan, machine)  # another machine's are not visible
    held = machine.gpus.held(runs.pid) if gpus and runs.pid else {}
    planned = planned_mib((one.total_mib for one in plan.memory.fit.devices) if plan.memory else (), len(gpus))
    return Offload(
        wanted=wanted,
        reported=state.offloaded,
        buffers=state.buffers,
        gpus=tuple(
            GpuUse(
                uuid=one.uuid,
                name=one.name if len(gpus) < 2 else f"GPU {one.index} ({one.name})",
                planned_mib=mib,
                before_mib=before.free_mib.get(one.uuid),
                after_mib=one.free_mib if one.total_mib else None,
                held_mib=held.get(one.uuid, 0) if held else None,
            )
            for one, mib in zip(gpus, planned, strict=True)
        ),
        is_wsl=machine.host.is_wsl(),
    )


def say_offload(plan: Plan, offload: Offload | None, buffers: tuple[Buffer, ...], machine: Machine) -> None:
    """Note what is on the GPUs, and warn where they, or the backend's own report, differ much from the plan."""
    if offload and (said := describe(offload)):
        machine.ui.note(said)
    seen = differences(offload) if offload and not plan.is_demo else ()  # it is smaller than the driver's own share
    reported = difference(plan.memory.fit, buffers) if plan.memory else ""
    for one in seen or filter(None, (reported,)):
        machine.ui.warn(one)


def _gpus(plan: Plan, machine: Machine) -> tuple[Gpu, ...]:
    """Return the GPUs on which the plan puts layers, in its order; () if it puts none there, or they aren't visible."""
    service = plan.backend_service
    if planned_offload(plan) is None or service is None or service.gpu is None or not machine.docker.is_local:
        return ()
    found: dict[str, Gpu] = {}
    with suppress(GpuError):  # the start itself shows whether the GPU can be used
        found = {one.uuid: one for one in GPUS[service.gpu.make].passed_on(machine.gpus.list())}
    uuids = service.gpu.gpus or tuple(found)
    return tuple(found[uuid] for uuid in uuids if uuid in found)
