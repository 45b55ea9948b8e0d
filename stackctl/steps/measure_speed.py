"""How fast a backend wrote an answer, by its own figures: the number of pieces in a stream does not show it."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from stackctl import backends
from stackctl.contracts.request import Request
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern.replies import Reply
from stackctl.machine import Machine
from stackctl.steps.tavern_session import ask_backend

_LOOKS, _PAUSE_S = 10, 0.2  # a log line arrives through the engine shortly after the answer


def measure_speed(
    reply: Reply, plan: Plan, machine: Machine, since: float, *, sleep: Callable[[float], None] = time.sleep
) -> float | None:
    """Return the tokens per second of an answer asked for at `since` (seconds since the epoch); None if unknown."""
    backend = backends.find_backend(plan.backend)
    found: Iterable[str]
    match backend.SPEED:
        case "stream":
            found = (reply.ending,)
        case "log":
            found = _log(plan, machine, since, sleep)
        case Request() as request:
            found = (ask_backend(plan, machine, request),)
    return next((rate for one in found if (rate := backend.speed(one))), None)


def _log(plan: Plan, machine: Machine, since: float, sleep: Callable[[float], None]) -> Iterator[str]:
    """Give the backend's log lines since then, newest first, repeatedly for a while.

    Nothing for another machine: its clock may differ, so that an earlier answer could be taken for this one.
    """
    state = machine.orchestrator.states(plan.name).get(plan.backend)
    if state is None or plan.backend_service is None or state.machine or not machine.docker.is_local:
        return
    for _ in range(_LOOKS):
        yield from reversed(machine.docker.tail(replace(state, started_at=since)))
        sleep(_PAUSE_S)
