"""A backend that unloads its model while it is idle (backend.idle_unload): whether it sleeps, and how to wake it."""

from typing import Final

from stackctl import backends
from stackctl.contracts.request import Request, one_token
from stackctl.core.formats.answer_limit import Limit
from stackctl.core.plan.stack import Plan
from stackctl.errors import NotReady
from stackctl.machine import Machine
from stackctl.steps.tavern_session import ask_backend
from stackctl.terminal import command_line

_LINES: Final = 500  # of a log


def is_asleep(plan: Plan, machine: Machine) -> bool | None:
    """Return whether the backend sleeps, asked in a way that neither wakes it nor delays its sleep.

    None if the stack's backend never sleeps, does not run, or does not say.
    """
    if not plan.idle_unload_s or plan.backend_service is None:
        return None
    backend = backends.find_backend(plan.backend)
    if isinstance(backend.SLEEP, Request):
        return backend.asleep(ask_backend(plan, machine, backend.SLEEP))
    state = machine.orchestrator.states(plan.name).get(plan.backend)
    if state is None or state.state != "running":
        return None
    said = (backend.asleep(line) for line in reversed(machine.docker.tail(state, _LINES)))
    return next((one for one in said if one is not None), None)


def wake(plan: Plan, machine: Machine, *, within_s: float | None = None) -> bool:
    """Load the model of a backend that sleeps, and wait until it answers. Return whether it slept.

    Raise NotReady if it does not answer within `within_s` seconds; None for as long as its start may take.
    """
    if not is_asleep(plan, machine):
        return False
    machine.ui.status(f"{plan.backend_title} loads its model again")
    seconds = within_s or plan.timeout_s
    within = Limit(seconds=seconds, silence_s=seconds, size=1 << 20)
    if not ask_backend(plan, machine, one_token(backends.find_backend(plan.backend).WAKE_MODEL), within):
        raise NotReady(
            f"{plan.backend_title} slept, and does not answer now that it should load its model again",
            hint=f"Run `{command_line('stackctl', 'logs', plan.backend)}` to see why, then "
            f"`{command_line('stackctl', 'restart', plan.backend)}`.",
            issue="backend-failed",
        )
    return True
