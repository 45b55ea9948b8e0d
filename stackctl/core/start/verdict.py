"""What the state of a start comes to: ready, still waiting, or never ready, and the error that says so."""

from collections.abc import Mapping
from dataclasses import dataclass

from stackctl.core.observed import ServiceState
from stackctl.core.start import readiness
from stackctl.core.start.docker_errors import from_output
from stackctl.core.start.start_state import Failed, StartState, progress_in_words, still_reads
from stackctl.errors import Late, StackctlError


@dataclass(frozen=True)
class Ready:
    """Compose has done its work, and every service that is waited for is healthy."""


@dataclass(frozen=True)
class Again:
    """Compose gave up a service that was slow, and that is ready now: what waited for it has yet to be started."""


@dataclass(frozen=True)
class Waiting:
    """What each service still waits for, in words."""

    for_what: tuple[str, ...]


def verdict(state: StartState) -> Ready | Waiting | Again | Failed:
    """Judge a start by its state."""
    waiting = readiness.waiting_for(state.services, state.states, progress_in_words(state))
    if state.failed:
        return state.failed
    if state.exit_code and _gave_up_a_slow_one(state):
        is_there = all(one.is_ready for one in state.states.values() if one.container in state.ours)
        return Again() if is_there and not state.is_look_due else Waiting(waiting)
    if failed := _failed_by_compose(state):
        return failed
    if state.exit_code == 0 and not state.is_look_due and not waiting:
        return Ready()
    return Waiting(waiting)


def explain(failed: Failed, log: tuple[str, ...], before: Mapping[str, ServiceState]) -> StackctlError:
    """Return the error of a failed start. `log`: of the container that died, if it was one; `before`: what ran."""
    error = readiness.failure(failed.why, log) if isinstance(failed.why, ServiceState) else failed.why
    ran = [f"{s.name} ({s.image}, {s.health or s.state})" for s in before.values() if s.state == "running"]
    if ran:
        error.hint = f"{error.hint} Before, these ran: {', '.join(sorted(ran))}."
    return error


def late(state: StartState, timeout_s: int) -> Late:
    """Return the error of a start that was not ready in time."""
    waits = readiness.waiting_for(state.services, state.states, progress_in_words(state))
    return Late(
        f"not ready after {timeout_s} s: {'; '.join(waits)}",
        hint="Run `stackctl deploy --timeout SECONDS` to wait longer; the services keep starting. `stackctl logs` "
        "shows their progress.",
    )


def to_stop(state: StartState) -> tuple[ServiceState, ...]:
    """Return the containers to stop after a failure: what failed and what waited for it; what was ready goes on."""
    found = (state.states[name] for name in state.services if name in state.states)
    return tuple(one for one in found if not one.is_ready and one.state != "created")


def may_go_on(state: StartState) -> bool:
    """Whether time that nobody set is to be extended: the model is still read, and not much more than once."""
    whole = state.plan.model_bytes
    return any(
        one.goes_on and one.seen.size < 2 * whole
        for name, one in state.reading.items()
        if name in state.services and not (name in state.states and state.states[name].is_ready)
    )


def _gave_up_a_slow_one(state: StartState) -> bool:
    """Whether Compose ended for a service that its health check had given up while it was read, and no other reason."""
    if not any("dependency failed to start" in line and "unhealthy" in line for line in state.output):
        return False
    ours = [one for one in state.states.values() if one.container in state.ours]
    # the start of a container may still be on its way as an event: none is known to be slow then
    return bool(ours) and not any(one.has_failed and not still_reads(state, one) for one in ours)


def _failed_by_compose(state: StartState) -> Failed | None:
    """Compose gave up: by the death of a container of this start, else by its own words."""
    if not state.exit_code or state.is_look_due:
        return None
    broken = next((one for one in state.states.values() if one.container in state.ours and one.has_failed), None)
    if broken and not any("Error response" in line for line in state.output):
        return Failed(broken)
    if not state.is_settled and any("dependency failed to start" in line for line in state.output):
        return None  # the death that Compose saw, perhaps restarted by now, is still on its way as an event
    return Failed(from_output(state.output, state.exit_code))
