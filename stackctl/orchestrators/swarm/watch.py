"""Follow a stack in Swarm: its tasks, which the manager is asked for twice a second, and their logs."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from stackctl.core.observed import ServiceState
from stackctl.core.start.events import Applied, Changed, Event, EventStreamLost, Idle, Kept, Line
from stackctl.effects.docker.client import broken
from stackctl.errors import EngineError
from stackctl.orchestrators.swarm.api import Api, Stream
from stackctl.orchestrators.swarm.following import Following
from stackctl.orchestrators.swarm.states import Snapshot

_EVERY_S: Final = 0.5
_LONGEST: Final = 16 << 10  # bytes of a line


class Watch:
    """What all tasks do since this was made. `look`: asks the manager for all of them."""

    def __init__(self, api: Api, look: Callable[[], Snapshot], *, every_s: float = _EVERY_S) -> None:
        self._api, self._look, self._every_s = api, look, every_s
        self._queue: queue.Queue[Event] = queue.Queue()
        self._closed = threading.Event()
        self._streams: list[Stream] = []
        self._read: set[str] = set()  # the tasks whose logs are followed
        self.before = look()
        self._following = Following(self.before)
        self._thread(self._poll)

    def applied(self, asked: Mapping[str, str], kept: Sequence[str]) -> None:
        """Report that everything is with the manager. asked: service -> the hash of its spec; kept: those unchanged."""
        self._following.expect(asked)
        for name in kept:
            self._queue.put(Kept(name))
        self._queue.put(Applied(0))

    def follow(self, process: Any) -> None:
        """Do nothing: no program runs."""
        del process

    def read_log(self, state: ServiceState) -> None:
        """Report the log of a task that started before, since its `started_at`; later ones are followed anyway."""
        for task, one in self.before.tasks.items():
            if one.container == state.container:
                self._attend(task, state.name, state.started_at)

    def events(self, until: float) -> Iterator[Event]:
        """Give every event until the clock (time.monotonic) reads `until`."""
        while (left := until - time.monotonic()) > 0:
            try:
                yield self._queue.get(timeout=min(left, 1.0))
            except queue.Empty:
                yield Idle()

    def close(self) -> None:
        """Stop asking, and end the streams of logs; one of a node that has gone would never end."""
        self._closed.set()
        for stream in list(self._streams):
            with suppress(*broken()):
                stream.close()

    def _poll(self) -> None:
        while not self._closed.wait(self._every_s):
            try:
                self._take(self._look(), time.monotonic())
            except EngineError as error:
                self._queue.put(EventStreamLost(error.message))
                return

    def _take(self, now: Snapshot, at_s: float) -> None:
        tasks = {state.container: task for task, state in now.tasks.items()}
        for event in self._following.take(now, at_s):
            if isinstance(event, Changed) and event.started and event.state.container in tasks:
                self._attend(tasks[event.state.container], event.state.name)
            self._queue.put(event)

    def _attend(self, task: str, name: str, since: float = 0) -> None:
        if task not in self._read:
            self._read.add(task)
            self._thread(self._read_log, task, name, since)

    def _read_log(self, task: str, name: str, since: float) -> None:
        """Report the lines of a task's container, on whichever node it is."""
        rest = b""
        with suppress(*broken()):
            stream = self._api.follow_log("tasks", task, since=since)
            self._streams.append(stream)
            if self._closed.is_set():
                stream.close()
            for chunk in stream:
                *whole, rest = (rest + chunk).split(b"\n")
                rest = rest[:_LONGEST]
                for line in whole:
                    self._queue.put(Line(name, line[:_LONGEST].decode("utf-8", "replace").rstrip("\r")))

    def _thread(self, work: Any, *arguments: Any) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()
