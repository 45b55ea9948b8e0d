"""The verdict on the state of a start: ready, still waiting, or failed, and the error of a failure."""

from collections.abc import Mapping
from dataclasses import dataclass

from stackctl.core.observed import ServiceState
from stackctl.core.start import readiness
from stackctl.core.start.docker_errors import from_output
from stackctl.core.start.start_state import Failed, StartState, progress_in_words, still_reads
from stackctl.errors import GpuError, Late, StackctlError


@dataclass(frozen=True)
class Ready:
    """Compose has ended, and every required service is healthy."""


@dataclass(frozen=True)
class Again:
    """Compose gave up a slow service that is ready now: the services that wait for it are not started yet."""


@dataclass(frozen=True)
class Waiting:
    """The start is not done: what each service still waits for."""

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
    """Return the error of a failed start. log: that of the failed container, if one failed; before: what ran before."""
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
    """Return the containers to stop after a failure: failed ones and those that wait for them; ready ones stay.

    A backend that lacks its GPU is stopped even if it is ready: no user shall take the CPU's speed for the GPU's.
    """
    found = (state.states[name] for name in state.services if name in state.states)
    lacks_gpu = state.failed is not None and isinstance(state.failed.why, GpuError)
    return tuple(
        one
        for one in found
        if one.state != "created" and (not one.is_ready or (lacks_gpu and one.name == state.plan.backend))
    )


def may_go_on(state: StartState) -> bool:
    """Return whether to extend a default time limit: the model is still being read, and not for a second time."""
    whole = state.plan.model_bytes
    return any(
        one.goes_on and one.seen.size < 2 * whole
        for name, one in state.reading.items()
        if name in state.services and not (name in state.states and state.states[name].is_ready)
    )


def _gave_up_a_slow_one(state: StartState) -> bool:
    """Return whether Compose ended only because of a service that its health check gave up while it read its model."""
    if not any("dependency failed to start" in line and "unhealthy" in line for line in state.output):
        return False
    ours = [one for one in state.states.values() if one.container in state.ours]
    # the start of a container may still be a pending event, so none is known to be slow
    return bool(ours) and not any(one.has_failed and not still_reads(state, one) for one in ours)


def _failed_by_compose(state: StartState) -> Failed | None:
    """Return the failure of Compose: the death of a container of this start, else Compose's own error."""
    if not state.exit_code or state.is_look_due:
        return None
    broken = next((one for one in state.states.values() if one.container in state.ours and one.has_failed), None)
    if broken and not any("Error response" in line for line in state.output):
        return Failed(broken)
    if not state.is_settled and any("dependency failed to start" in line for line in state.output):
        return None  # the death that Compose saw is still a pending event
    return Failed(from_output(state.output, state.exit_code))
