"""What happens to a stack while it starts, as it happens: engine events, log lines, Compose's own words."""

import queue
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from stackctl.core.ready import ServiceState

_EVENTS = ["create", "start", "die", "oom", "health_status", "stop", "kill", "restart", "destroy"]
_SERVICE = "com.docker.compose.service"


@dataclass(frozen=True)
class Changed:
    """A container is in a new state; `started`: by this event."""

    state: ServiceState
    started: bool


@dataclass(frozen=True)
class Line:
    """A service wrote a line to its log."""

    service: str
    text: str


@dataclass(frozen=True)
class Said:
    """Compose wrote a line."""

    text: str


@dataclass(frozen=True)
class Ended:
    """Compose ended, with this exit code."""

    code: int


@dataclass(frozen=True)
class Silence:
    """Nothing happened for a while; time to look at the clock."""


Happening = Changed | Line | Said | Ended | Silence


class Watched(Protocol):
    """What watching needs of the engine."""

    @property
    def client(self) -> Any: ...

    def state(self, container_id: str) -> ServiceState | None: ...


class Watch:
    """Open the engine's event stream now, so that nothing is missed; then start Compose and iterate."""

    def __init__(self, engine: Watched, project: str) -> None:
        self._engine = engine
        self._queue: queue.Queue[Happening] = queue.Queue()
        self._streams: list[Any] = []
        filters = {"type": "container", "label": f"com.docker.compose.project={project}", "event": _EVENTS}
        self._events = self._stream(engine.client.events(decode=True, filters=filters))
        self._thread(self._read_events)

    def follow(self, process: "subprocess.Popen[str]") -> None:
        """Report what a started Compose says, and its end."""
        self._thread(self._read_process, process)

    def happenings(self, until: float) -> Iterator[Happening]:
        """Everything that happens, until the clock (time.monotonic) reads `until`."""
        while (left := until - time.monotonic()) > 0:
            try:
                yield self._queue.get(timeout=min(left, 1.0))
            except queue.Empty:
                yield Silence()

    def close(self) -> None:
        for stream in self._streams:
            stream.close()

    def read_log(self, service: str, container_id: str) -> None:
        """Report a container's log from its last start on."""
        since = self._engine.state(container_id)
        options: dict[str, Any] = {"stream": True, "follow": True, "stdout": True, "stderr": True, "tail": 1000}
        if since is None:
            return
        self._thread(self._read_lines, service, container_id, options)

    def _read_events(self) -> None:
        for event in self._events:
            found = self._engine.state(event["id"])
            started = event["Action"] == "start"
            if started:
                self.read_log(event["Actor"]["Attributes"].get(_SERVICE, ""), event["id"])
            if found:
                self._queue.put(Changed(found, started))

    def _read_lines(self, service: str, container_id: str, options: dict[str, Any]) -> None:
        import docker.errors

        try:
            stream = self._stream(self._engine.client.api.logs(container_id, **options))
        except docker.errors.APIError:
            return  # it has gone already; its end comes as an event
        rest = b""
        for chunk in stream:
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                self._queue.put(Line(service, line.decode("utf-8", "replace").rstrip("\r")))

    def _read_process(self, process: "subprocess.Popen[str]") -> None:
        for line in process.stdout or ():
            self._queue.put(Said(line.rstrip("\n")))
        self._queue.put(Ended(process.wait()))

    def _stream(self, stream: Any) -> Any:
        self._streams.append(stream)
        return stream

    def _thread(self, work: Any, *arguments: Any) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()
