"""What happens to a stack comes as values, in order: from the engine's events, its logs and Compose's own words."""

import queue
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from stackctl.core.observed import ServiceState
from stackctl.core.start.events import Applied, Changed, Event, EventStreamLost, Line, Output
from stackctl.effects.docker.events import Watch

SOON_S = 20
AT = 1_800_000_000
RUNS = ServiceState(name="llamacpp", container="c", state="running", started_at=AT + 5.0)


class Stream:
    """A stream of the engine: it gives what it has, then waits until it is closed, or breaks off."""

    def __init__(self, *content: Any, fails: Exception | None = None) -> None:
        self._content: queue.Queue[Any] = queue.Queue()
        for one in (*content, *([fails] if fails else [])):
            self._content.put(one)

    def __iter__(self) -> "Stream":
        return self

    def __next__(self) -> Any:
        found = self._content.get()
        if found is None:
            raise StopIteration
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        self._content.put(None)


class FakeEngine:
    """An engine with one container, as it is now, and its log in these chunks. `asked`: since when it was read."""

    def __init__(self, events: Stream, state: ServiceState | None = RUNS, log: tuple[bytes, ...] = ()) -> None:
        self._state, self._log, self.asked, self.checked = state, log, list[object](), list[str]()
        api = SimpleNamespace(logs=self._read, get=self._check, base_url="http+docker://localhost")
        self.client = SimpleNamespace(events=lambda **_: events, api=api)

    def state(self, container_id: str) -> ServiceState | None:
        assert container_id == "c"
        return self._state

    def _check(self, url: str, *, timeout: float) -> None:
        """Podman's check: the third finds it healthy."""
        assert timeout > 5
        self.checked.append(url)
        if self._state and len(self.checked) == 3:
            self._state = replace(self._state, health="healthy")

    def _read(self, container: str, **options: object) -> Stream:
        assert container == "c"
        self.asked.append(options["since"])
        return Stream(*self._log)


def event(action: str, **attributes: str) -> dict[str, Any]:
    return {"id": "c", "Action": action, "timeNano": AT * 10**9, "Actor": {"Attributes": attributes}}


@contextmanager
def watching(engine: FakeEngine, *, checks_every_s: float | None = None) -> Iterator[Watch]:
    watch = Watch(engine, "chat", checks_every_s=checks_every_s)
    try:
        yield watch
    finally:
        watch.close()


def until(watch: Watch, is_last: Callable[[Event], bool]) -> list[Event]:
    """All that happens up to the event that is the last one."""
    found = []
    for one in watch.events(time.monotonic() + SOON_S):
        found.append(one)
        if is_last(one):
            return found
    raise AssertionError(f"it never came: {found}")


def test_a_container_that_was_restarted_before_we_looked_has_died_all_the_same() -> None:
    with watching(FakeEngine(Stream(event("start"), event("die", exitCode="9")))) as watch:
        *_, died = until(watch, lambda one: isinstance(one, Changed) and not one.started)
    assert isinstance(died, Changed)
    assert (died.state.state, died.state.exit_code, died.state.has_failed) == ("restarting", 9, True)


def test_podman_names_the_code_of_a_death_in_its_own_way() -> None:
    with watching(FakeEngine(Stream(event("die", containerExitCode="137")))) as watch:
        (died,) = until(watch, lambda one: isinstance(one, Changed))
    assert isinstance(died, Changed)
    assert died.state.exit_code == 137


@pytest.mark.parametrize("is_kept", [False, True])
def test_where_the_engine_has_no_timers_a_container_is_checked_until_it_is_healthy(is_kept: bool) -> None:
    engine = FakeEngine(Stream(*([] if is_kept else [event("start")])), replace(RUNS, health="starting"))
    with watching(engine, checks_every_s=0.01) as watch:
        if is_kept:
            watch.read_log(RUNS)
        end = time.monotonic() + SOON_S
        while len(engine.checked) < 3 and time.monotonic() < end:
            list(watch.events(time.monotonic() + 0.05))
        list(watch.events(time.monotonic() + 0.1))
    assert engine.checked == ["http+docker://localhost/v4.0.0/libpod/containers/c/healthcheck"] * 3


def test_an_engine_with_timers_of_its_own_is_asked_for_no_check() -> None:
    engine = FakeEngine(Stream(event("start")), replace(RUNS, health="starting"), log=(b"x\n",))
    with watching(engine) as watch:
        until(watch, lambda one: isinstance(one, Line))
    assert engine.checked == []


def test_a_container_s_log_is_read_from_its_first_start_here_on_and_by_whole_lines() -> None:
    engine = FakeEngine(Stream(event("start")), log=(b"load", b"ing\r\nr\xc3\xa9", b"ady\nhalf"))
    with watching(engine) as watch:
        found = until(watch, lambda one: one == Line("llamacpp", "réady"))
    assert Line("llamacpp", "loading") in found
    assert engine.asked == [AT - 0.05]


def test_the_log_of_a_container_that_runs_already_is_read_where_it_is_asked_for() -> None:
    engine = FakeEngine(Stream(), log=(b"loading\n",))
    with watching(engine) as watch:
        watch.read_log(RUNS)
        assert until(watch, lambda one: isinstance(one, Line))[-1] == Line("llamacpp", "loading")
    assert engine.asked == [RUNS.started_at]


def test_an_event_of_a_container_that_has_gone_says_nothing() -> None:
    with watching(FakeEngine(Stream(event("destroy"), fails=OSError("gone")), state=None)) as watch:
        assert until(watch, lambda one: isinstance(one, EventStreamLost)) == [EventStreamLost("gone")]


def test_an_event_stream_that_breaks_off_is_said_with_its_reason() -> None:
    with watching(FakeEngine(Stream(fails=requests.ConnectionError("reset by peer")))) as watch:
        assert until(watch, lambda _: True) == [EventStreamLost("reset by peer")]


def test_compose_s_lines_come_before_its_end() -> None:
    with watching(FakeEngine(Stream())) as watch:
        script = ["sh", "-c", "echo one; echo two; exit 3"]
        watch.follow(subprocess.Popen(script, stdout=subprocess.PIPE, text=True))
        found = until(watch, lambda one: isinstance(one, Applied))
    assert found == [Output("one"), Output("two"), Applied(3)]


def test_nothing_happens_any_more_once_the_time_is_over() -> None:
    with watching(FakeEngine(Stream(event("start")))) as watch:
        assert list(watch.events(time.monotonic())) == []
