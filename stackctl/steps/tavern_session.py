"""A session with a stack's running SillyTavern, and the lines that SillyTavern logs meanwhile."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from stackctl.contracts.request import Request
from stackctl.core.formats.answer_limit import Limit
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.errors import NotReady
from stackctl.machine import Machine
from stackctl.ports.page import Page

FIGURES: Final = Limit(seconds=10, silence_s=10, size=1 << 20)
_SHOWN = 5  # lines
_SETTLE_S = 0.3  # without a new line for this long, the log is complete
_WIDE = 300  # characters of a line: SillyTavern also logs whole requests
_FRAME = "    at "  # of node's stack traces


def tavern_session(plan: Plan, machine: Machine) -> Page:
    """Return SillyTavern as a browser on the engine's machine sees it, to be entered; raise NotReady if it is down."""
    state = machine.orchestrator.states(plan.name).get(tavern.NAME)
    if state is None or state.state != "running":
        raise NotReady(
            "SillyTavern does not run",
            hint="Run `stackctl status` to see why, then `stackctl start`.",
            issue="services-stopped",
        )
    login = (tavern.USER, plan.password) if plan.password else None
    if machine.docker.is_local and plan.sillytavern.publish:
        return machine.tavern.open(plan.url, login)
    return machine.tavern.open_inside(state.container, plan.url, login)


def ask_backend(plan: Plan, machine: Machine, request: Request, within: Limit = FIGURES) -> str:
    """Return what the backend answers to SillyTavern's container, which sends the stack's key; "" if nothing comes."""
    state = machine.orchestrator.states(plan.name).get(tavern.NAME)
    if state is None or state.state != "running":
        return ""
    return machine.tavern.ask_backend(state.container, plan.backend_url, request, within, plan.key)


def log_lines(
    plan: Plan, machine: Machine, since: float, *, sleep: Callable[[float], None] = time.sleep
) -> tuple[str, ...]:
    """Return the first lines of SillyTavern's log since then (seconds since the epoch), without stack traces.

    Log lines arrive shortly after the answer. With a remote engine the clocks may differ, so the whole log counts.
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
