"""Follow a stack while it starts: the engine's events, log lines, and Compose's output."""

import queue
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Protocol

from stackctl.core.observed import ServiceState
from stackctl.core.start.events import Applied, Changed, Event, EventStreamLost, Idle, Line, Output
from stackctl.effects.docker.client import Client, broken
from stackctl.effects.docker.labels import PROJECT

_EVENTS = ["create", "start", "die", "oom", "health_status", "stop", "kill", "restart", "destroy"]
_CHECK_S = 60  # how long one check may take
_EARLIER_S = 0.05  # a program may write before the engine reports its start


class Watched(Client, Protocol):
    """The part of the engine that watching needs."""

    def state(self, container_id: str) -> ServiceState | None: ...


class Watch:
    """Open the engine's event stream now, so that no event is missed; then start Compose and iterate.

    `checks_every_s`: how often to ask for a health check if the engine does none by itself; None if it does.
    """

    def __init__(self, engine: Watched, project: str, *, checks_every_s: float | None = None) -> None:
        self._engine, self._checks_every_s = engine, checks_every_s
        self._queue: queue.Queue[Event] = queue.Queue()
        self._streams: list[Any] = []
        self._closed = threading.Event()
        self._since: dict[str, float] = {}
        filters = {"type": "container", "label": f"{PROJECT}={project}", "event": _EVENTS}
        self._events = self._stream(engine.client.events(decode=True, filters=filters))
        self._thread(self._read_events)

    def follow(self, process: "subprocess.Popen[str]") -> None:
        """Report the output and the end of a started Compose."""
        self._thread(self._read_process, process)

    def read_log(self, state: ServiceState) -> None:
        """Report the log of a container that started before; containers that start from now on are followed anyway."""
        self._attend(state)

    def events(self, until: float) -> Iterator[Event]:
        """Give every event until the clock (time.monotonic) reads `until`."""
        while (left := until - time.monotonic()) > 0:
            try:
                yield self._queue.get(timeout=min(left, 1.0))
            except queue.Empty:
                yield Idle()

    def close(self) -> None:
        self._closed.set()
        for stream in self._streams:
            stream.close()

    def _read_events(self) -> None:
        why = "its event stream ended"
        try:
            for event in self._events:
                self._take(event)
        except broken() as e:
            why = str(e) or why
        if not self._closed.is_set():
            self._queue.put(EventStreamLost(why))

    def _take(self, event: dict[str, Any]) -> None:
        found = self._engine.state(event["id"])
        if found is None:
            return
        started = event["Action"] == "start"
        if started:
            # read the log from its first start here, even if it has died and started again by now
            since = min(found.started_at, event["timeNano"] / 1e9 - _EARLIER_S)
            self._since.setdefault(found.container, since)
        found = replace(found, started_at=self._since.get(found.container, found.started_at))
        if started:
            self._attend(found)
        if event["Action"] == "die" and found.state == "running":
            # its restart policy was quicker than our look, but it has died
            attributes = event["Actor"]["Attributes"]
            code = attributes.get("exitCode") or attributes.get("containerExitCode", "0")  # Docker's, Podman's
            found = replace(found, state="restarting", exit_code=int(code))
        self._queue.put(Changed(found, started))

    def _attend(self, state: ServiceState) -> None:
        """Follow a running container."""
        self._thread(self._read_log, state)
        if self._checks_every_s:
            self._thread(self._check_health, state, self._checks_every_s)

    def _check_health(self, state: ServiceState, every_s: float) -> None:
        """Let the engine check a container's health until it is healthy or has ended; each result comes as an event.

        https://docs.podman.io/en/latest/_static/api.html (ContainerHealthcheckLibpod)
        """
        api = self._engine.client.api
        try:
            while not self._closed.wait(every_s):
                api.get(f"{api.base_url}/v4.0.0/libpod/containers/{state.container}/healthcheck", timeout=_CHECK_S)
                found = self._engine.state(state.container)
                if found is None or found.state != "running" or found.health == "healthy":
                    return
        except broken():
            return  # the engine or the container is gone, which comes as an event

    def _read_log(self, state: ServiceState) -> None:
        """Report a container's log since its last start, line by line."""
        options: dict[str, Any] = {"stream": True, "follow": True, "since": state.started_at or None}
        rest = b""
        try:
            stream = self._stream(self._engine.client.api.logs(state.container, **options))
            for chunk in stream:
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    self._queue.put(Line(state.name, line.decode("utf-8", "replace").rstrip("\r")))
        except broken():
            return  # the container has gone, which comes as an event

    def _read_process(self, process: "subprocess.Popen[str]") -> None:
        with process:
            for line in process.stdout or ():
                self._queue.put(Output(line.rstrip("\n")))
        self._queue.put(Applied(process.returncode))

    def _stream(self, stream: Any) -> Any:
        self._streams.append(stream)
        return stream

    def _thread(self, work: Any, *arguments: Any) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()
