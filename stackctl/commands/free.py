"""`stackctl free`: unload the backend's model now, or load it again."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from stackctl import backends
from stackctl.commands import lifecycle
from stackctl.contracts.json_table import parse_table
from stackctl.contracts.request import Request
from stackctl.core.observed import ServiceState
from stackctl.core.plan.stack import Plan
from stackctl.errors import ConfigError, NotReady
from stackctl.machine import Machine
from stackctl.steps import sleep as sleeping
from stackctl.steps.deployed import deployed_plan, stack_name_here
from stackctl.steps.memory_now import MemoryNow, memory_now, read_gpus
from stackctl.steps.own_name import refuse_foreign
from stackctl.steps.tavern_session import ask_backend
from stackctl.terminal import command_line

_LOOKS: Final = 120
_PAUSE_S: Final = 0.5

State = Literal["loaded", "asleep", "stopped"]


@dataclass(frozen=True, kw_only=True)
class Freed:
    """What became of the backend's model. changed: whether it was in another state before.

    vram_mib, ram_mib: what was freed, as seen before and after; None if it was not seen. ready_s: seconds until the
    model answered again; None if it was not loaded.
    """

    name: str
    service: str
    title: str
    state: State
    changed: bool
    vram_mib: int | None = None
    ram_mib: int | None = None
    ready_s: float | None = None


def free(machine: Machine, *, sleep: Callable[[float], None] = time.sleep) -> Freed:
    """Unload the model so that the next message loads it again; stop a backend that can't do that."""
    plan = _own_backend(machine)
    with machine.folder.locked(machine.ui.note, writes=False):
        backend, service = backends.find_backend(plan.backend), plan.backend_service
        if _running(plan, machine) is None:
            return _done(plan, "stopped", changed=False)
        if sleeping.is_asleep(plan, machine):
            return _done(plan, "asleep", changed=False)
        before = _memory(plan, machine)
        request = backend.unload(service.command) if service else None
        if request:
            _unload(request, plan, machine, sleep)
        else:
            machine.orchestrator.stop(plan.name, plan.backend)
        return _done(
            plan, "asleep" if request else "stopped", changed=True, before=before, after=_memory(plan, machine)
        )


def load_again(machine: Machine, *, timeout_s: int | None) -> Freed:
    """Load the model of a backend that sleeps or is stopped, and wait until it answers."""
    plan, began = _own_backend(machine), time.monotonic()
    states = machine.orchestrator.states(plan.name)
    if not all(one.name in states and states[one.name].state == "running" for one in plan.services):
        started = lifecycle.start(machine, None, again=False, timeout_s=timeout_s)
        return _done(plan, "loaded", changed=True, ready_s=started.ready_s)
    changed = sleeping.wake(plan, machine, within_s=timeout_s)
    return _done(plan, "loaded", changed=changed, ready_s=time.monotonic() - began if changed else None)


def _own_backend(machine: Machine) -> Plan:
    """Return the plan of this folder's stack; raise ConfigError if it runs no backend."""
    refuse_foreign(stack_name_here(machine), machine)
    plan = deployed_plan(machine)
    if plan.backend_service is None:
        raise ConfigError(
            f"this stack runs no backend: {plan.backend_title} runs elsewhere, at {plan.backend_url}",
            hint="Free its memory where it runs.",
        )
    return plan


def _running(plan: Plan, machine: Machine) -> ServiceState | None:
    found = machine.orchestrator.states(plan.name).get(plan.backend)
    return found if found and found.state == "running" else None


def _unload(request: Request, plan: Plan, machine: Machine, sleep: Callable[[float], None]) -> None:
    """Ask the backend to unload, and wait until it has; raise NotReady if it does not."""
    machine.ui.status(f"{plan.backend_title} unloads its model")
    is_taken = parse_table(ask_backend(plan, machine, request)).get("success") is True
    for _ in range(_LOOKS if is_taken else 0):
        if sleeping.is_asleep(plan, machine):
            return
        sleep(_PAUSE_S)
    raise NotReady(
        f"{plan.backend_title} did not unload its model",
        hint=f"Run `{command_line('stackctl', 'stop', plan.backend)}` to free its memory, then "
        f"`{command_line('stackctl', 'start', plan.backend)}`.",
        issue="backend-failed",
    )


def _memory(plan: Plan, machine: Machine) -> MemoryNow:
    """Return what the backend's container holds now."""
    with machine.docker.loading():
        gpus = read_gpus(machine)
    state = _running(plan, machine)
    return memory_now((state,) if state else (), gpus, machine)


def _done(
    plan: Plan,
    state: State,
    *,
    changed: bool,
    before: MemoryNow | None = None,
    after: MemoryNow | None = None,
    ready_s: float | None = None,
) -> Freed:
    return Freed(
        name=plan.name,
        service=plan.backend,
        title=plan.backend_title,
        state=state,
        changed=changed,
        vram_mib=_less(_vram_mib(before), _vram_mib(after)) if before and after else None,
        ram_mib=_less(before.ram_mib, after.ram_mib) if before and after else None,
        ready_s=ready_s,
    )


def _vram_mib(now: MemoryNow) -> int | None:
    """Return the VRAM that the backend holds; where the driver does not tell whose it is, what is in use at all."""
    if not now.gpus:
        return None
    used = [one.reading.total_mib - one.reading.free_mib if one.own_mib is None else one.own_mib for one in now.gpus]
    return sum(used)


def _less(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else max(0, before - after)
