"""A session with a stack's running SillyTavern, and what SillyTavern writes to its log meanwhile."""

import time
from collections.abc import Callable
from dataclasses import replace

from stackctl.core.formats.answer_limit import Limit
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.errors import NotReady
from stackctl.machine import Machine
from stackctl.ports.page import Page

_FIGURES = Limit(seconds=10, silence_s=10, size=1 << 20)
_SHOWN = 5  # lines
_SETTLE_S = 0.3  # so long without a new line: it has said what it had to say
_WIDE = 300  # characters of a line: it also writes down whole requests
_FRAME = "    at "  # of node's stack traces


def tavern_session(plan: Plan, machine: Machine) -> Page:
    """SillyTavern as a browser on the engine's machine has it; to be entered. Raises NotReady where it does not run."""
    state = machine.orchestrator.states(plan.name).get(tavern.NAME)
    if state is None or state.state != "running":
        raise NotReady("SillyTavern does not run", hint="stackctl status; stackctl start")
    login = (tavern.USER, plan.password) if plan.password else None
    if machine.docker.is_local and plan.sillytavern.publish:
        return machine.tavern.open(plan.url, login)
    return machine.tavern.open_inside(state.container, plan.url, login)


def backend_log(plan: Plan, machine: Machine, path: str) -> str:
    """What the backend has at a path, for SillyTavern's container; "" where nothing comes from there."""
    state = machine.orchestrator.states(plan.name).get(tavern.NAME)
    if state is None or state.state != "running":
        return ""
    return machine.tavern.read_backend(state.container, plan.backend_url, path, _FIGURES)


def log_lines(
    plan: Plan, machine: Machine, since: float, *, sleep: Callable[[float], None] = time.sleep
) -> tuple[str, ...]:
    """The first lines of SillyTavern's log since then (seconds since the epoch), its stack traces left out.

    They come through the engine a moment after its answer. Another machine's clock may differ: there it is all.
    """
    state = machine.orchestrator.states(plan.name).get(tavern.NAME)
    if state is None:
        return ()
    if machine.docker.is_local:
        state = replace(state, started_at=since)
    written: tuple[str, ...] = ()
    for _ in range(10):
        sleep(_SETTLE_S)
        now = machine.docker.tail(state)
        if now == written:
            break
        written = now
    return tuple(line[:_WIDE] for line in written if line.strip() and not line.startswith(_FRAME))[:_SHOWN]
