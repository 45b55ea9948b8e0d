"""The orchestrators other than the one in use that have, or had, this folder's stack."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from stackctl.core.config import journal as journals
from stackctl.core.observed import ServiceState
from stackctl.core.plan import plan_json
from stackctl.errors import ConfigError, StackctlError
from stackctl.machine import Machine
from stackctl.terminal import command_line

_ENDED = frozenset({"created", "exited", "dead"})  # states of a container


@dataclass(frozen=True, kw_only=True)
class Former:
    """The machine with the orchestrator that had the stack. stands: something of it is on the engine."""

    machine: Machine
    stands: bool


def recorded_target(machine: Machine) -> str:
    """Return the orchestrator of the stack that last worked here, as plan.json says, or a deploy that did not finish.

    Return "" if there is neither, or it can't be read, which the command that needs it reports.
    """
    with suppress(StackctlError):
        kept = journals.parse(machine.folder.read(journals.FILE, errors="replace") or "")
        if kept:
            return kept.target
        text = machine.folder.read(plan_json.FILE, errors="replace")
        return plan_json.target(text, machine.place) if text else ""
    return ""


def run_by(target: str, machine: Machine) -> Machine:
    """Return the machine with that orchestrator; the same one if it has that already."""
    return machine if target in {"", machine.orchestrator.name} else machine.run_by(target)


def former_target(name: str, machine: Machine) -> Former | None:
    """Return the other orchestrator that has a stack of this name, or had it; None without one."""
    present = [one for one in machine.docker.run_by(name) if one != machine.orchestrator.name]
    recorded = recorded_target(machine)
    if present:
        return Former(machine=run_by(present[0], machine), stands=True)
    if recorded in {"", machine.orchestrator.name}:
        return None
    return Former(machine=run_by(recorded, machine), stands=False)


def all_states(name: str, machine: Machine) -> Mapping[str, ServiceState]:
    """Return the states of a stack's services, those that another orchestrator still runs included."""
    former, states = former_target(name, machine), machine.orchestrator.states(name)
    return {**former.machine.orchestrator.states(name), **states} if former and former.stands else states


def former_subnets(name: str, machine: Machine) -> frozenset[str]:
    """Return the subnets of the stack's networks that another orchestrator has made."""
    former = former_target(name, machine)
    if former is None or not former.stands:
        return frozenset()
    _, own = former.machine.orchestrator.addresses(name)
    return frozenset(map(str, own))


def with_other(name: str, machine: Machine) -> tuple[Machine, ...]:
    """Return this machine, and that with the other orchestrator if it has something of the stack, too."""
    former = former_target(name, machine)
    return (machine, former.machine) if former and former.stands else (machine,)


def says_both(name: str, machine: Machine) -> tuple[str, str]:
    """Return (what is wrong, what to do) if another orchestrator runs services of this stack as well; else ("", "")."""
    former = former_target(name, machine)
    states = former.machine.orchestrator.states(name) if former and former.stands else {}
    running = sorted(one.name for one in states.values() if one.state not in _ENDED)
    if former is None or not running:
        return "", ""
    other = former.machine.orchestrator
    problem = (
        f"{other.title} runs {', '.join(running)} of this stack too, which {machine.orchestrator.title} runs by the "
        "last deploy; two SillyTaverns on the same chats would corrupt them"
    )
    removal = command_line(*other.removal(name))
    hint = (
        f"Remove that one with `{removal}` (chats stay), or run `stackctl deploy`, which keeps what stack.toml names."
    )
    return problem, hint


def refuse_both(name: str, machine: Machine) -> None:
    """Raise ConfigError if another orchestrator runs services of this stack as well."""
    problem, hint = says_both(name, machine)
    if problem:
        raise ConfigError(problem, hint=hint, issue="swarm-other-target-runs")
