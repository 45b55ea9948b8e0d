"""Follow a stack in Swarm: its tasks, which the manager is asked for twice a second, and its services' logs."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from stackctl.core.observed import ServiceState
from stackctl.core.start.events import Applied, Changed, Event, EventStreamLost, Idle, Line
from stackctl.effects.docker.client import sdk_errors
from stackctl.errors import EngineError
from stackctl.orchestrators.swarm.api import Api
from stackctl.orchestrators.swarm.states import Snapshot

_EVERY_S: Final = 0.5
_STUCK_S: Final = 4.0  # a scheduler that finds no node tries again at each change; what it says for longer stays true
_STARTED: Final = frozenset({"running", "exited", "dead"})


class Watch:
    """The states of all tasks since this was made. `look`: asks the manager for all of them."""

    def __init__(self, api: Api, look: Callable[[], Snapshot]) -> None:
        self._api, self._look = api, look
        self._queue: queue.Queue[Event] = queue.Queue()
        self._closed = threading.Event()
        self._seen: dict[str, ServiceState] = {}  # by task
        self._waiting: dict[str, float] = {}  # task -> since when no node takes it
        self._followed: set[str] = set()
        self._since = time.time()
        first = look()
        self._seen.update(first.tasks)
        self._follow_logs(first)
        self._thread(self._poll)

    def applied(self) -> None:
        """Report that everything that was asked for is with the manager."""
        self._queue.put(Applied(0))

    def follow(self, process: Any) -> None:
        """Do nothing: no program runs."""
        del process

    def read_log(self, state: ServiceState) -> None:
        """Report the log of a service that started before; those that start from now on are followed anyway."""
        for name, service in self._look().services.items():
            if name == state.name:
                self._thread(self._read_log, name, service, state.started_at)

    def events(self, until: float) -> Iterator[Event]:
        """Give every event until the clock (time.monotonic) reads `until`."""
        while (left := until - time.monotonic()) > 0:
            try:
                yield self._queue.get(timeout=min(left, 1.0))
            except queue.Empty:
                yield Idle()

    def close(self) -> None:
        self._closed.set()

    def _poll(self) -> None:
        while not self._closed.wait(_EVERY_S):
            try:
                self._take(self._look())
            except EngineError as error:
                self._queue.put(EventStreamLost(error.message))
                return

    def _take(self, now: Snapshot) -> None:
        self._follow_logs(now)
        for task, found in now.tasks.items():
            state = self._without_passing_error(task, found, is_unplaced=task in now.unplaced)
            before = self._seen.get(task)
            if before == state:
                continue
            self._seen[task] = state
            started = state.state in _STARTED and (before is None or before.state not in _STARTED)
            self._queue.put(Changed(state, started))

    def _without_passing_error(self, task: str, found: ServiceState, *, is_unplaced: bool) -> ServiceState:
        """Return the state of a task without what the scheduler says for less than a few seconds."""
        if not (is_unplaced and found.error):
            self._waiting.pop(task, None)
            return found
        since = self._waiting.setdefault(task, time.monotonic())
        return found if time.monotonic() - since >= _STUCK_S else replace(found, error="")

    def _follow_logs(self, now: Snapshot) -> None:
        for name, service in now.services.items():
            if service not in self._followed:
                self._followed.add(service)
                self._thread(self._read_log, name, service, self._since)

    def _read_log(self, name: str, service: str, since: float) -> None:
        """Report the lines of a service's tasks on all nodes, as they come."""
        rest = b""
        with suppress(*sdk_errors(), EngineError, OSError, ValueError, AttributeError):
            for chunk in self._api.follow_log("services", service, since=since):
                if self._closed.is_set():
                    return
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    self._queue.put(Line(name, line.decode("utf-8", "replace").rstrip("\r")))

    def _thread(self, work: Any, *arguments: Any) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()
