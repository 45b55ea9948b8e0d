"""The state of a whole stack in one word, by those of its containers."""

from collections.abc import Collection
from typing import Literal

from stackctl.core.observed import ServiceState
from stackctl.core.start.readiness import STOPPED

StackState = Literal["ready", "asleep", "starting", "failed", "partial", "stopped"]


def stack_state(states: Collection[ServiceState], *, is_missing: bool = False, is_asleep: bool = False) -> StackState:
    """Return the state of a stack. is_missing: a container of it is missing; is_asleep: its backend has unloaded.

    partial: some of it runs, and the rest was stopped or is missing.
    """
    if any(map(_fails, states)):
        return "failed"
    if not any(one.state in {"running", "paused"} for one in states):
        return "stopped"
    if is_missing or any(one.state in {"exited", "paused"} for one in states):
        return "partial"
    if all(one.is_ready for one in states):
        return "asleep" if is_asleep else "ready"
    return "starting"


def _fails(one: ServiceState) -> bool:
    """Return whether a container has failed, and was not stopped."""
    return one.has_failed and not (one.state == "exited" and one.exit_code in STOPPED and not one.oom_killed)
