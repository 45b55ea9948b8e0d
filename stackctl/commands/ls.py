"""`stackctl ls`: the stacks of this machine, and what each of them holds."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from stackctl.backends import BACKENDS
from stackctl.contracts.service import Publish
from stackctl.core.config import lock, stack_toml
from stackctl.core.config.files import API_KEY, COMPOSE
from stackctl.core.observed import ServiceState
from stackctl.core.plan import plan_json
from stackctl.core.plan.model_run import ModelRun, model_run
from stackctl.core.plan.stack import Plan
from stackctl.core.start.stack_state import StackState, stack_state
from stackctl.core.tavern import container as tavern
from stackctl.errors import GpuError, StackctlError
from stackctl.machine import Machine
from stackctl.ports.disk import Folder
from stackctl.steps.memory_now import GpusNow, is_all_here, ram_of, read_gpus
from stackctl.steps.own_name import is_gone
from stackctl.steps.page_addresses import page_places
from stackctl.steps.sleep import is_asleep

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - the engine's words for all addresses
_LONGEST = 4096  # characters of a name
_MOST_BYTES = 4 << 20  # of a plan, which may be another user's; a usual one has 20 kB


@dataclass(frozen=True, kw_only=True)
class StackSeen:
    """A stack that has containers on this engine. Names and folder are their labels, which anyone may have written."""

    name: str
    folder: str
    is_gone: bool  # the folder was removed or moved
    state: StackState
    backend: str  # its name, or that of an external one; "" if unknown
    run: ModelRun | None  # None if its plan can't be read from here
    vram_mib: int | None  # on all GPUs; None if that is unknown
    ram_mib: int | None  # None if the engine does not count it
    url: str  # of its page on this machine; "" if none is open


@dataclass(frozen=True, kw_only=True)
class Stacks:
    """The stacks, by name. gpu_error: why no GPU could be read."""

    stacks: tuple[StackSeen, ...]
    gpu_error: GpuError | None


def list_stacks(machine: Machine) -> Stacks:
    """Return every stack of stackctl that has containers on this engine, running or not, wherever its folder is."""
    with machine.docker.loading():
        gpus = read_gpus(machine)
    gpus = gpus if machine.docker.is_local else GpusNow()
    return Stacks(stacks=tuple(_stacks(machine, gpus)), gpu_error=gpus.error)


def _stacks(machine: Machine, gpus: GpusNow) -> Iterator[StackSeen]:
    for name, folder in sorted(machine.docker.stack_folders()):
        sees = machine.docker.is_local and machine.docker.own_binds is None and folder.startswith("/")
        has_gone = sees and is_gone(folder)
        plan, is_ours = _look(name, Path(folder), machine) if sees and not has_gone else (None, None)
        if is_ours is False:
            continue
        by = machine.run_by(next(reversed(machine.docker.run_by(name)), COMPOSE))
        states = by.docker.states(name)
        if states and (is_ours or tavern.NAME in states):
            yield _stack(name, folder, plan, states, gpus, by, has_gone=has_gone)


def _stack(
    name: str,
    folder: str,
    plan: Plan | None,
    states: dict[str, ServiceState],
    gpus: GpusNow,
    machine: Machine,
    *,
    has_gone: bool,
) -> StackSeen:
    missing = {one.name for one in plan.services} - states.keys() if plan else set()
    held = [one.own_mib for one in gpus.shared_with(states.values())]
    known = [mib for mib in held if mib is not None]
    places = page_places(states.get(tavern.NAME), machine)
    hosts = plan.hosts if plan and not places else ()
    return StackSeen(
        name=name[:_LONGEST],
        folder=folder,
        is_gone=has_gone,
        state=stack_state(states.values(), is_missing=bool(missing), is_asleep=_sleeps(plan, states, machine)),
        backend=plan.backend if plan else next((one for one in BACKENDS if one in states), ""),
        run=model_run(plan) if plan else None,
        vram_mib=sum(known) if len(known) == len(held) and not gpus.error and is_all_here(states.values()) else None,
        ram_mib=ram_of(states.values(), machine),
        url=next(
            iter((*(f"http://{_at_this_machine(one).place}" for one in places), *(f"https://{one}" for one in hosts))),
            "",
        ),
    )


def _at_this_machine(one: Publish) -> Publish:
    """Return where this machine opens what is published, on all of its addresses or on one."""
    return replace(one, address=_LOOPBACK.get(one.address, one.address))


def _sleeps(plan: Plan | None, states: dict[str, ServiceState], machine: Machine) -> bool:
    """Return whether a stack's backend sleeps; it is not asked unless all of the stack is well."""
    is_well = plan is not None and plan.backend in BACKENDS and all(one.is_ready for one in states.values())
    return bool(is_well and plan and is_asleep(plan, machine))


def _look(name: str, folder: Path, machine: Machine) -> tuple[Plan | None, bool | None]:
    """Return the plan of a stack, and whether the folder has a stack.

    Of its secrets it has the backend's key alone, from its usual place, as another user may have written the plan.
    No plan if it can't be read, or is another stack's; None for a folder that this user may not read.
    """
    try:
        there = machine.storage.folder(folder)
        if not any(there.has_file(one) for one in (plan_json.FILE, stack_toml.FILE, lock.FILE)):
            return None, False
    except StackctlError:
        return None, None
    with suppress(StackctlError):
        text = there.read(plan_json.FILE, most=_MOST_BYTES, errors="replace")
        plan = plan_json.parse(text, PurePosixPath(folder), lambda one: _key(one, there)) if text else None
        return plan if plan and plan.name == name else None, True
    return None, True


def _key(place: str, there: Folder) -> str:
    """Return the key of a stack's own backend; "" for any other secret, or if it can't be read."""
    with suppress(StackctlError):
        return there.read(API_KEY, errors="replace") or "" if place == API_KEY else ""
    return ""
