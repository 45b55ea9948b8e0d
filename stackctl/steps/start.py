"""Start the stack and follow its events until the first verdict."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from stackctl.backends.contract import Buffer
from stackctl.core.gpu.offload import Offload, judge
from stackctl.core.observed import ServiceState
from stackctl.core.plan.stack import Plan
from stackctl.core.start import readiness
from stackctl.core.start.events import Event, Looked, ReadSoFar
from stackctl.core.start.mount_errors import explain as explain_mount
from stackctl.core.start.mount_errors import source
from stackctl.core.start.planned_offload import planned_offload
from stackctl.core.start.start_state import (
    Failed,
    StartState,
    advance,
    begin,
    begin_again,
    judge_offload,
    kept_container,
    progress_in_words,
    read_offload,
)
from stackctl.core.start.verdict import Again, Ready, Waiting, explain, late, may_go_on, to_stop, verdict
from stackctl.errors import StackctlError, Unmountable
from stackctl.machine import Machine
from stackctl.ports.orchestrator import Action, Applying
from stackctl.steps.has_run import record_run
from stackctl.steps.offload import GpusBefore, gpus_before, see_offload
from stackctl.steps.page_state import PageState

_STOP_S = 3
_TAIL = 2000  # lines of a log: the loader reports early, and a line on each request may follow
_LOOK_EVERY_S = 2.0  # how often to ask how much was read; the engine needs about 0.01 s to answer
_MORE_S = 60  # added to the limit while something was read in the last half minute


@dataclass(frozen=True, kw_only=True)
class Started:
    """A stack that is ready. `ready_s`: seconds since the start. `buffers`: memory reserved, by the backend's log.

    `offload`: what it showed of the GPUs; None if no layer was planned there, or its backend was ready before.
    """

    ready_s: float
    buffers: tuple[Buffer, ...] = ()
    offload: Offload | None = None


def start(
    plan: Plan,
    machine: Machine,
    *,
    timeout_s: int | None,
    action: Action = "apply",
    only: str | None = None,
    images: Mapping[str, str] = MappingProxyType({}),
) -> Started:
    """Apply what was written, and wait until every service (or only the one named) is ready.

    `timeout_s` None: computed from the model's size, and extended while the model is still read. `images`: service ->
    the id of the image that runs instead of the one that was written.

    Raises the cause soon after a container ended, restarted or logged a fatal line. The containers that failed are
    then stopped, but not removed, because their log is the evidence.
    """
    began, looked_s = time.monotonic(), float("-inf")
    limit_s = plan.timeout_s if timeout_s is None else timeout_s
    before = machine.orchestrator.states(plan.name)
    record_run(machine, before)  # a replaced container takes this information with it
    state, page = begin(plan, before, only), PageState(plan, machine)
    gpus = gpus_before(plan, before, machine)
    applying = machine.orchestrator.apply(plan.name, only, action=action, images=images)
    try:
        while True:
            for event in applying.events(began + limit_s):
                _follow_kept(state, event, applying)
                known, state, at_s = state, _take(state, event, machine), time.monotonic() - began
                if at_s - looked_s > _LOOK_EVERY_S:
                    state, looked_s = _see_reading(state, machine, at_s), at_s
                _say_ready(known, state, machine, at_s)
                if waits := readiness.backend_waits(plan.backend, state.states, progress_in_words(state)):
                    page.say(waits)
                match verdict(state):
                    case Ready():
                        return _prove_offload(state, gpus, machine, at_s)
                    case Failed() as failed:
                        raise _give_up(state, failed, machine)
                    case Again():
                        applying.close()
                        applying = machine.orchestrator.apply(plan.name, only, action="start", images=images)
                        state = begin_again(state)
                        break
                    case Waiting(for_what):
                        machine.ui.status(" · ".join(for_what))
            else:
                if timeout_s is not None or not may_go_on(state):
                    raise late(state, limit_s)
                limit_s += _MORE_S
    finally:
        applying.close()
        page.say("")
        record_run(machine, state.states)


def _prove_offload(state: StartState, before: GpusBefore, machine: Machine, ready_s: float) -> Started:
    """Return the stack that is ready; raise GpuError if the model was planned on a GPU and no layer is there."""
    backend = state.states.get(state.plan.backend)
    if planned_offload(state.plan) and backend and not (state.offloaded or state.buffers):
        for line in machine.docker.tail(backend, _TAIL):  # the thread that reads the log may be late
            state = read_offload(state, line)
    offload = see_offload(state, before, machine)
    if offload:
        state = judge_offload(state, offload)
    if state.failed:
        raise _give_up(state, state.failed, machine)
    if offload and (found := judge(offload)).state == "not tried":
        machine.ui.warn(found.says)
    return Started(ready_s=ready_s, buffers=state.buffers, offload=offload)


def _see_reading(state: StartState, machine: Machine, at_s: float) -> StartState:
    """Return the state with the bytes that the backend has read so far, while it loads."""
    found = state.states.get(state.plan.backend)
    if found is None or found.state != "running" or found.is_ready or found.container not in state.ours:
        return state
    seen = machine.docker.read_so_far(found.container)
    return advance(state, ReadSoFar(found.name, seen, at_s)) if seen else state


def _follow_kept(state: StartState, event: Event, applying: Applying) -> None:
    """Read the log of a container that is still loading since an earlier, interrupted start."""
    kept = kept_container(state, event)
    if kept and not kept.is_ready:
        applying.read_log(kept)


def _take(state: StartState, event: Event, machine: Machine) -> StartState:
    """Return the state after an event, and after a look at the engine if the state asks for one."""
    state = advance(state, event)
    return advance(state, Looked(machine.orchestrator.states(state.plan.name))) if state.is_look_due else state


def _say_ready(known: StartState, state: StartState, machine: Machine, seconds: float) -> None:
    ready = (name for name, one in state.states.items() if one.is_ready)
    for name in ready:
        if name not in known.states or not known.states[name].is_ready:
            machine.ui.note(f"{name} is ready ({seconds:.1f} s)")


def _give_up(state: StartState, failed: Failed, machine: Machine) -> StackctlError:
    """Stop what failed and what waits for it; return the error, with the cause from the ended container's log."""
    log = machine.docker.tail(failed.why) if isinstance(failed.why, ServiceState) else ()
    found = machine.docker.containers(state.plan.name)
    theirs = {one.id for one in found if one.folder and Path(one.folder).resolve() != machine.path}
    for one in to_stop(state):
        if one.container not in theirs:  # not one that somebody started by hand from another folder
            machine.docker.stop(one.container, _STOP_S)
    if isinstance(failed.why, Unmountable):
        failed = Failed(_explain_mount(failed.why, machine))
    return explain(failed, log, state.before)


def _explain_mount(error: Unmountable, machine: Machine) -> Unmountable:
    """Return the error with its cause: what we see at the path and the engine does not."""
    path, is_here = source(error), False
    with suppress(StackctlError):  # this user may not look there
        is_here = bool(machine.storage.trees.existing(machine.path, (path,)))
    return explain_mount(error, is_here=is_here, view=machine.docker.view)
