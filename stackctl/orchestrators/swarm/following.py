"""What a stack's tasks do, as the events of a start, from one look after the other. Nothing here asks the engine."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from stackctl.core.observed import ServiceState
from stackctl.core.start.events import Changed, Event, Refused
from stackctl.errors import NotReady, StackctlError
from stackctl.orchestrators.swarm.apply import ASKED
from stackctl.orchestrators.swarm.states import Snapshot
from stackctl.terminal import command_line

_STUCK_S: Final = 4.0  # a scheduler that finds no node tries again at each change; what it says for longer stays true
_REFUSALS: Final = 3  # rejected tasks in a row after which a node's words count that might have passed
_STARTED: Final = frozenset({"running", "exited", "dead"})
# what a node says of a task that the next try will not change
_STAYS: Final = re.compile(
    r"bind source path does not exist|invalid mount config|No such image|pull access denied|manifest unknown"
    r"|not found: manifest|executable file not found|permission denied|invalid option|Minimum memory limit"
)
_UNDONE: Final = frozenset({"rollback_started", "rollback_paused", "rollback_completed", "paused"})
_WHERE: Final = "Run `stackctl nodes`, which says of each node what it lacks, then `stackctl deploy`."


class Following:
    """The tasks as they were seen last. before: the look before anything was asked for."""

    def __init__(self, before: Snapshot) -> None:
        self._seen: dict[str, ServiceState] = dict(before.tasks)
        self._waiting: dict[str, float] = {}  # task -> since when no node takes it
        self._asked: Mapping[str, str] = {}
        self._failed: dict[str, ServiceState] = {}  # service -> its last task that failed

    def expect(self, asked: Mapping[str, str]) -> None:
        """Remember what was asked for: service -> the hash of its spec, which a rollback by Swarm takes away."""
        self._asked = dict(asked)

    def take(self, now: Snapshot, at_s: float) -> Iterator[Event]:
        """Give what has changed since the last look; at_s: the time of this one."""
        for task in [one for one in self._seen if one not in now.tasks]:  # stopped, removed, or of an older spec
            gone = self._seen.pop(task)
            if gone.state == "running":
                yield Changed(_waiting(gone), started=False)
        for task, found in reversed(list(now.tasks.items())):  # the newest comes last
            state, before = self._known(task, found, now, at_s), self._seen.get(task)
            self._seen[task] = state
            if before == state or (task in now.lost and not (before and before.state == "running")):
                continue
            if why := self._refusal(task, state, now):
                yield Refused(why)
                continue
            if state.state == "exited":
                self._failed[state.name] = state
            started = state.state in _STARTED and (before is None or before.state not in _STARTED)
            yield Changed(state, started)
        yield from self._undone(now)

    def _known(self, task: str, found: ServiceState, now: Snapshot, at_s: float) -> ServiceState:
        """Return a task's state without what passes: a node that is down, and what a scheduler says for a moment."""
        if task in now.lost:
            return _waiting(found)
        if not (task in now.unplaced and found.error):
            self._waiting.pop(task, None)
            return found
        since = self._waiting.setdefault(task, at_s)
        return found if at_s - since >= _STUCK_S else replace(found, error="")

    def _refusal(self, task: str, state: ServiceState, now: Snapshot) -> StackctlError | None:
        if not state.error:
            return None
        if task in now.unplaced:
            return NotReady(
                f"no node takes {state.name}: {state.error}",
                hint="Run `stackctl nodes`, which says of each node why it may not run it.",
                evidence=(state.error,),
                issue="swarm-unschedulable",
            )
        again = sum(one in now.rejected for one, had in now.tasks.items() if had.name == state.name)
        if task not in now.rejected or (again < _REFUSALS and not _STAYS.search(state.error)):
            return None
        return NotReady(
            f"a node refuses {state.name}: {state.error}",
            hint=_WHERE,
            evidence=(state.error,),
            issue="swarm-task-rejected",
        )

    def _undone(self, now: Snapshot) -> Iterator[Event]:
        """Give the failure of an update that Swarm takes back: what runs then is not what was asked for."""
        for name, asked in self._asked.items():
            service = now.services.get(name, {})
            is_asked = (service.get("Spec", {}).get("Labels") or {}).get(ASKED, asked) == asked
            if is_asked or (service.get("UpdateStatus") or {}).get("State") not in _UNDONE:
                continue
            if name in self._failed:
                yield Changed(self._failed[name], started=True)
            why = f"{name} did not become healthy, and Swarm runs what it was before"
            yield Refused(
                NotReady(why, hint=f"Run `{command_line('stackctl', 'logs', name)}` to see why.", issue="not-ready")
            )


def _waiting(state: ServiceState) -> ServiceState:
    """Return the state of a service whose task is gone, and which has no other one yet."""
    return replace(state, state="created", health="", error="")
