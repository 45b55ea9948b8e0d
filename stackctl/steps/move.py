"""Move a stack from one orchestrator to another; the former one is taken down once the new one is proven.

Two SillyTaverns never run at once on the same chats, and no port is held twice: where both backends have room, the new
one loads its model while the former stack still answers; else the former stack is stopped first.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from stackctl.core.fit import Fit
from stackctl.core.observed import ServiceState
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.errors import StackctlError
from stackctl.machine import Machine
from stackctl.steps.deployed import written_plan
from stackctl.steps.other_target import former_subnets, former_target
from stackctl.steps.start import Started, start

# both: the new backend starts beside the former stack; stop: that is stopped first; remove: its networks go, too
Way = Literal["both", "stop", "remove"]
HERE = ""  # this machine, among the places of a backend


@dataclass(frozen=True, kw_only=True)
class Move:
    """A move. stands: something of the former stack is on the engine. why: the reason unless the way is "both"."""

    former: Machine
    name: str
    stands: bool
    way: Way = "both"
    why: str = ""


def look_for_move(plan: Plan, machine: Machine) -> Move | None:
    """Return the move that a deploy of this plan would be; None if no other orchestrator has the stack."""
    found = former_target(plan.name, machine)
    if found is None:
        return None
    move = Move(former=found.machine, name=plan.name, stands=found.stands)
    if not found.stands:
        return move
    own = former_subnets(plan.name, machine)
    if taken := [one.subnet for one in plan.networks if one.subnet in own]:
        return replace(move, way="remove", why=f"both would use the network {taken[0]}, which stack.toml sets")
    if why := _why_not_both(plan, found.machine, machine):
        return replace(move, way="stop", why=why)
    return move


def say_move(move: Move, plan: Plan, machine: Machine) -> None:
    """Say what moves, what stays, and when the former stack is taken down."""
    for line in describe_move(move, plan, machine):
        machine.ui.note(line)


def describe_move(move: Move, plan: Plan, machine: Machine) -> Iterator[str]:
    """Give sentences that say what moves, what stays, and when the former stack is taken down."""
    new, old = machine.orchestrator, move.former.orchestrator
    yield f"this stack moves from {old.title} to {new.title}"
    if plan.backend_service:
        yield f"{plan.backend_title} runs {_where(new.places(plan))} then"
    yield "SillyTavern stays on this machine; its chats, its settings and the key stay as they are"
    former = _former_plan(move)
    before, after = _addresses(former), _addresses(plan)
    if former and before != after:
        yield f"SillyTavern's addresses change from {', '.join(before)} to {', '.join(after)}"
    if unread := sorted({*old.additions()} - {*new.additions()}):
        yield f"{new.title} does not read {' and '.join(unread)}"
    if move.stands and move.way == "both":
        first = f"{plan.backend_title} starts while the former stack still answers; then" if _has_backend(plan) else ""
        yield f"{first} the former SillyTavern stops and the new one starts".strip()
    elif move.stands:
        yield f"the former stack stops first, because {move.why}; no chat is answered until the new one is ready"
    if move.stands:
        yield "the former containers and networks are removed once the new stack has answered"
        yield "if it fails before, the former stack runs again"
    yield f"{old.file} is kept under another name then"


def start_moved(move: Move, plan: Plan, machine: Machine, *, timeout_s: int | None) -> Started:
    """Start the new stack as described above, and wait until it is ready."""
    former, first = move.former.orchestrator, None
    if move.stands and move.way == "both" and _has_backend(plan):
        machine.ui.note(f"the former stack answers until {plan.backend_title} is ready")
        first = start(plan, machine, timeout_s=timeout_s, only=plan.backend)
    if move.stands:
        machine.ui.step("Stopping the former SillyTavern" if move.way == "both" else "Stopping the former stack")
    if move.stands and move.way == "remove":
        former.down(move.name, volumes=False)
    elif move.stands:
        states = former.states(move.name)
        stays = _backend_of(move, states) if move.way == "both" else ""
        for name in states:
            if name != stays:
                former.stop(move.name, name)
    started = start(plan, machine, timeout_s=timeout_s)
    if first is None:
        return started
    offload, buffers = started.offload or first.offload, started.buffers or first.buffers
    return Started(ready_s=first.ready_s + started.ready_s, offload=offload, buffers=buffers)


def take_down_former(move: Move, machine: Machine) -> None:
    """Remove the former stack's containers and networks, and set its file aside; volumes and data stay."""
    old = move.former.orchestrator
    if move.stands:
        machine.ui.step(f"Removing the former stack from {old.title}")
        old.down(move.name, volumes=False)
    if kept := machine.folder.set_aside(old.file):
        machine.ui.note(f"{old.file} is kept as {kept.name}, where {old.title} does not look for it")


def _has_backend(plan: Plan) -> bool:
    return plan.backend_service is not None


def _why_not_both(plan: Plan, former: Machine, machine: Machine) -> str:
    """Return why the new backend can't load its model beside the former one; "" if it can, or need not."""
    service = plan.backend_service
    others = [one for name, one in former.orchestrator.states(plan.name).items() if name != tavern.NAME]
    running = [one for one in others if one.state == "running"]
    if service is None or not running:
        return ""
    if service.publish:
        return f"both would open port {service.publish[0].port}"
    if not {one.machine for one in running} & {*machine.orchestrator.places(plan)}:
        return ""
    if plan.memory is None:
        return "" if plan.is_demo else "it is not known how much memory the model takes"
    lacks = [what for one in (former, machine) if (what := _lacks(plan.memory.fit, one))]
    return lacks[0] if lacks else ""


def _lacks(fit: Fit, machine: Machine) -> str:
    """Return which memory of a machine is too small for a model beside all that runs now; "" for none."""
    ram = machine.host.ram(None)
    if ram and fit.host.total_mib > ram.free_mib:
        return f"both backends do not fit into the memory ({ram.free_mib} MiB are free)"
    for device, gpu in zip(fit.devices, machine.gpus.list(), strict=False):
        if device.total_mib > gpu.free_mib:
            return f"both backends do not fit on the GPU ({gpu.free_mib} MiB are free)"
    return ""


def _backend_of(move: Move, states: dict[str, ServiceState]) -> str:
    """Return the name of the former stack's backend; "" if it is unknown."""
    former = _former_plan(move)
    if former and former.backend in states:
        return former.backend
    others = [name for name in states if name != tavern.NAME]
    return others[0] if len(others) == 1 else ""


def _former_plan(move: Move) -> Plan | None:
    """Return the plan that plan.json has; None if it can't be read."""
    try:
        return written_plan(move.former)
    except StackctlError:
        return None


def _where(places: tuple[str, ...]) -> str:
    others = sorted(one for one in places if one != HERE)
    here = ["on this machine"] if HERE in places else []
    named = [f"on the node {others[0]}" if len(others) == 1 else f"on one of the nodes {', '.join(others)}"]
    return " or ".join((*here, *(named if others else ()))) or "on a node that passes the look"


def _addresses(plan: Plan | None) -> tuple[str, ...]:
    return (plan.url, *plan.urls) if plan else ()
