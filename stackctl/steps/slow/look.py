"""Look at a running stack: the last replies in its backend's log, its model, its memory, and the machine around it."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from stackctl import backends
from stackctl.backends.contract import Backend
from stackctl.core.fit.choice import Room
from stackctl.core.history import Record
from stackctl.core.model.model import ModelSeen
from stackctl.core.observed import ServiceState
from stackctl.core.plan.model_run import is_start_of
from stackctl.core.plan.stack import Plan
from stackctl.core.slow import counters
from stackctl.core.slow.observation import GpuSeen, Observation, Place
from stackctl.core.slow.replies import replies_of
from stackctl.errors import ConfigError, NotReady, StackctlError
from stackctl.machine import Machine
from stackctl.steps.config_request import load_config
from stackctl.steps.memory_now import GpuNow, read_gpus
from stackctl.steps.prove import prove
from stackctl.steps.recorded_deploys import last_deploy
from stackctl.steps.slow.counters import read_moment, read_place, read_processor

_LINES: Final = 4000  # of a log
_LONGEST: Final = 1000  # characters of a line
_BETWEEN_S: Final = 0.5  # two looks
_CPU_PRESSURE: Final = PurePosixPath("/proc/pressure/cpu")


def running_backend(plan: Plan, machine: Machine) -> ServiceState:
    """Return the state of the stack's backend; raise ConfigError or NotReady if there is none that answers."""
    if plan.backend_service is None:
        raise ConfigError(
            f"{plan.backend_title} runs elsewhere ({plan.backend_url}), where its log and its memory are not visible",
            hint="Run stackctl on that machine, or look at its log there.",
        )
    state = machine.orchestrator.states(plan.name).get(plan.backend)
    if state is None or state.state != "running":
        raise NotReady(
            f"{plan.backend_title} does not run",
            hint="Run `stackctl status` to see why, then `stackctl start`.",
            issue="services-stopped",
        )
    if state.health == "starting":
        raise NotReady(f"{plan.backend_title} still loads its model", hint="Run `stackctl status --watch`.")
    return state


def look(
    plan: Plan, machine: Machine, *, measures: bool = False, sleep: Callable[[float], None] = time.sleep
) -> Observation:
    """Return what is seen. measures: ask for one reply in between, as SillyTavern would; else nothing is asked."""
    state = running_backend(plan, machine)
    is_local = machine.docker.is_local and not state.machine
    process = state.pid if is_local else 0
    before = read_moment(process, machine.system) if is_local else None
    if measures:
        machine.ui.status(f"{plan.backend_title} is asked for a reply")
        _ask(plan, machine, sleep)
    elif is_local:
        sleep(_BETWEEN_S)
    backend = backends.find_backend(plan.backend)
    lines = (line[:_LONGEST] for line in machine.docker.tail(state, _LINES))
    started = last_deploy(machine, lambda one: is_start_of(one, plan))
    read = machine.docker.read_so_far(state.container)
    seen = Observation(
        title=plan.backend_title,
        context=plan.context,
        replies=replies_of(lines, backend.timing, plan.context),
        choice=plan.memory,
        can_quantise="q8_0" in backend.KV_TYPES,
        is_demo=plan.is_demo,
        layers_on_gpu=started.layers_on_gpu if started else None,
        threads=_threads(machine),
        model_mib=plan.model_bytes >> 20,
        idle_unload_s=plan.idle_unload_s,
        proven_tokens_per_s=_proven(plan, machine),
        ready_s=_ready_s(plan, machine),
        read_mib=read.size >> 20 if read else 0,
    )
    seen = _with_model(seen, plan, backend, machine)
    if not is_local:
        place = Place() if state.machine else seen.place  # of this machine's disks
        where = f"the backend runs on {state.machine}" if state.machine else "the engine runs on another machine"
        return replace(seen, place=place, unseen=(f"{where}, whose processor and memory are not visible",))
    speed = machine.host.read_speed()
    seen = replace(
        seen,
        before=before,
        now=read_moment(process, machine.system),
        pressure=counters.pressure(machine.system.text(_CPU_PRESSURE)),
        processor=read_processor(speed.cores if speed else 0, machine.system),
        is_wsl=machine.host.is_wsl(),
    )
    return _with_gpus(seen, plan, machine)


def _ask(plan: Plan, machine: Machine, sleep: Callable[[float], None]) -> None:
    """Ask for one reply. One with damaged text took its time as well."""
    try:
        prove(plan, machine, sleep=sleep)
    except NotReady as error:
        if error.issue != "reply-damaged":
            raise


def _threads(machine: Machine) -> int | None:
    """Return the threads that stack.toml names; None if it names none, or can't be read."""
    with suppress(StackctlError):
        threads = load_config(machine, {}).spec.backend.threads
        return threads if isinstance(threads, int) else None
    return None


def _proven(plan: Plan, machine: Machine) -> float | None:
    def suits(one: Record) -> bool:
        then = (one.backend, one.model, one.context, one.kv_cache, one.gpu_layers)
        return one.tokens_per_s is not None and then == (
            *(plan.backend, plan.model_name, plan.context),
            *(plan.kv_cache, plan.gpu_layers),
        )

    found = last_deploy(machine, suits)
    return found.tokens_per_s if found else None


def _ready_s(plan: Plan, machine: Machine) -> float | None:
    found = last_deploy(machine, lambda one: one.ready_s is not None and one.model == plan.model_name)
    return found.ready_s if found else None


def _with_model(seen: Observation, plan: Plan, backend: Backend, machine: Machine) -> Observation:
    """Return the same with what its model's file tells; unchanged if that can't be read any more."""
    service = plan.backend_service
    assert service  # noqa: S101 - running_backend() has looked
    below = str(backend.MODEL_DIR)
    files = [one for one in service.mounts if PurePosixPath(one.target).is_relative_to(below)]
    if not files:
        return seen
    place = read_place(PurePosixPath(files[0].source), machine.system)
    if machine.host.hypervisor():
        place = replace(place, has_platters=None)  # a virtual disk is called one with platters, whatever is below it
    model = None if plan.is_demo else _model(files[0].source, machine)
    return replace(
        seen,
        place=place,
        shape=model.shape if model else None,
        parameters=model.shape.parameters if model and model.shape else 0,
        reserves=backend.reserves(backend.build_of(service.image, plan.program)),
    )


def _model(path: str, machine: Machine) -> ModelSeen | None:
    with suppress(StackctlError):
        return machine.model(path)
    return None


def _with_gpus(seen: Observation, plan: Plan, machine: Machine) -> Observation:
    """Return the same with what the GPUs do now, and the memory on them that a new start could take."""
    states = machine.orchestrator.states(plan.name).values()
    found = read_gpus(machine)
    unseen = (*seen.unseen, f"the GPU can't be read: {found.error.message}") if found.error else seen.unseen
    gpus = found.shared_with(states)
    rooms = _rooms(gpus, plan)
    return replace(
        seen,
        gpus=tuple(GpuSeen(reading=one.reading, own_mib=one.own_mib, others=one.others) for one in gpus),
        room_now=rooms[0],
        room_alone=rooms[1],
        unseen=unseen,
    )


def _rooms(gpus: tuple[GpuNow, ...], plan: Plan) -> tuple[Room | None, Room | None]:
    """Return the plan's room with the memory of the GPUs that is free now, and with what others hold as well."""
    service = plan.backend_service
    wanted = service.gpu.gpus if service and service.gpu else ()
    by_id = {one.reading.uuid: one for one in gpus}
    used = [by_id[uuid] for uuid in wanted if uuid in by_id]
    if plan.memory is None or not used or len(used) != len(plan.memory.room.gpus_mib):
        return None, None
    room = plan.memory.room
    free = [one.reading.free_mib + (one.own_mib or 0) for one in used]
    if any(one.own_mib is None for one in used):
        return None, None
    alone = [mib + sum(other.mib for other in one.others) for mib, one in zip(free, used, strict=True)]
    return replace(room, gpus_mib=tuple(free)), replace(room, gpus_mib=tuple(alone))
