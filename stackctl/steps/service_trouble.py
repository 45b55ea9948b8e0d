"""Why a service will not become ready by itself, read from its container."""

from dataclasses import replace

from stackctl.core.observed import ServiceState
from stackctl.core.start import readiness
from stackctl.errors import StackctlError
from stackctl.machine import Machine

_LINES = 500  # of a log


def service_trouble(state: ServiceState, machine: Machine) -> StackctlError | None:
    """Return a service's trouble, by its log and exit code; None for a service that only waits for another."""
    if state.is_ready or (state.state == "created" and not state.error):
        return None
    # the cause is in the log of the run that ended
    since = replace(state, started_at=0.0) if state.restarts else state
    return readiness.trouble(state, machine.docker.tail(since, _LINES))
