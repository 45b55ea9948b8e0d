"""Meeting a backend elsewhere: what is waited for, for how long, and when the machine is woken up."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from stackctl.core.config.lock import Lock
from stackctl.core.config.spec import Spec
from stackctl.core.observed import HostIdentity, Observed, ProbeResult, ServerSeen
from stackctl.core.plan import external_backend
from stackctl.core.tavern import container as tavern
from stackctl.errors import ConfigError, NotReady
from stackctl.steps.external_backend import observe_external, wait_for_external
from tests.backends.answers import LOADING, tried
from tests.commands.machines import Quiet, quiet
from tests.core.samples import seen, wanted
from tests.fakes import FakeHost

URL = "http://192.168.1.20:5001"
SERVED = tried("http://x:9931", "llamacpp")
MAC = "01:23:45:67:89:ab"
READY = tried(URL, "koboldcpp")
LOADS = ProbeResult(url=URL, answers={"/health": LOADING})
REFUSES, SILENT = ProbeResult(url=URL, failure="refused"), ProbeResult(url=URL, failure="timeout")
EMPTY = tried(URL, "text-generation-webui", "no-model")


def external(wake: str = "") -> Spec:
    return wanted(backend={"kind": "external", "url": URL, "wake": wake})


def world(one: ProbeResult) -> Observed:
    server = ServerSeen(around=HostIdentity(), tried=(one,))
    return replace(seen(of=external_backend.external_model(server)), server=server)


class Waking(FakeHost):
    """A host that keeps when it woke somebody up."""

    def __init__(self, meeting: "Meeting") -> None:
        super().__init__()
        self.meeting = meeting

    def wake(self, mac: str, target: str) -> None:
        self.meeting.woken.append((mac, target, self.meeting.now))


@dataclass
class Meeting:
    """A server that goes through these states while it is waited for, on a clock that only sleeping moves."""

    states: tuple[ProbeResult, ...]
    here: Quiet
    now: float = 0.0
    woken: list[tuple[str, str, float]] = field(default_factory=list)

    def meet(self, spec: Spec, timeout_s: int | None = None) -> Observed:
        self.here.machine.host = Waking(self)
        coming = self._coming()
        found, lock = wait_for_external(
            spec,
            world(next(coming)),
            Lock(),
            self.here.machine,
            timeout_s=timeout_s,
            again=lambda *_: world(next(coming)),
            sleep=self._sleep,
            clock=lambda: self.now,
        )
        assert lock == Lock()
        return found

    def _coming(self) -> Iterator[ProbeResult]:
        yield from self.states
        while True:
            yield self.states[-1]

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def through(tmp_path: Path) -> Callable[..., Meeting]:
    return lambda *states: Meeting(states=states, here=quiet(tmp_path))


def test_a_backend_of_the_stacks_own_is_not_met(tmp_path: Path) -> None:
    before = seen()

    def again(*_: object) -> Observed:
        raise AssertionError

    assert wait_for_external(wanted(), before, Lock(), quiet(tmp_path).machine, timeout_s=1, again=again) == (
        before,
        Lock(),
    )


def test_one_that_is_ready_is_not_waited_for(through: Callable[..., Meeting]) -> None:
    meeting = through(READY)
    assert meeting.meet(external()).model.name == "koboldcpp/tiny"
    assert meeting.now == 0


def test_one_that_loads_its_model_is_waited_for(through: Callable[..., Meeting]) -> None:
    meeting = through(LOADS, LOADS, REFUSES, READY)
    with pytest.raises(NotReady, match="refuses connections"):
        meeting.meet(external())
    meeting = through(LOADS, LOADS, READY)
    assert meeting.meet(external()).model.name == "koboldcpp/tiny"
    assert 0 < meeting.now < 30


def test_one_that_never_ends_loading_is_given_up(through: Callable[..., Meeting]) -> None:
    meeting = through(LOADS)
    with pytest.raises(NotReady, match="still loading"):
        meeting.meet(external(), timeout_s=60)
    assert 60 <= meeting.now < 70


@pytest.mark.parametrize("state", [REFUSES, SILENT])
def test_a_silent_one_is_an_error_at_once_unless_a_timeout_is_named(
    state: ProbeResult, through: Callable[..., Meeting]
) -> None:
    meeting = through(state)
    with pytest.raises(NotReady):
        meeting.meet(external())
    assert meeting.now == 0
    assert through(state, state, READY).meet(external(), timeout_s=60).model.name == "koboldcpp/tiny"


def test_what_will_never_answer_is_not_waited_for_whatever_the_timeout(through: Callable[..., Meeting]) -> None:
    for state, error in ((EMPTY, NotReady), (tried(URL, "llamacpp", "api-key-without-key"), ConfigError)):
        meeting = through(state)
        with pytest.raises(error):
            meeting.meet(external(MAC), timeout_s=600)
        assert (meeting.now, meeting.woken) == (0, [])


def test_a_sleeping_one_is_woken_up_again_and_again_until_it_answers(through: Callable[..., Meeting]) -> None:
    meeting = through(*[SILENT] * 15, *[REFUSES] * 5, LOADS, READY)
    assert meeting.meet(external(MAC)).model.name == "koboldcpp/tiny"
    assert [(mac, target) for mac, target, _ in meeting.woken] == [(MAC, "192.168.1.20")] * len(meeting.woken)
    times = [at for _, _, at in meeting.woken]
    assert times[0] == 0
    assert 2 <= len(times) <= 3
    assert MAC in meeting.here.said.getvalue()


def test_one_that_does_not_wake_up_ends_with_the_timeout_and_says_so(through: Callable[..., Meeting]) -> None:
    meeting = through(SILENT)
    with pytest.raises(NotReady) as caught:
        meeting.meet(external(MAC), timeout_s=90)
    assert 90 <= meeting.now < 100
    assert MAC in caught.value.hint


def test_one_that_is_awake_is_not_sent_anything(through: Callable[..., Meeting]) -> None:
    for states in ((READY,), (LOADS, READY)):
        meeting = through(*states)
        meeting.meet(external(MAC))
        assert meeting.woken == []


def looked_at(here: Quiet, url: str) -> ServerSeen:
    """What is seen of a backend there, on a machine that has SillyTavern's image."""
    here.docker.images.here[tavern.IMAGE] = "sha256:1"
    found = observe_external(wanted(backend={"kind": "external", "url": url}), Lock(), here.machine)
    assert found
    return found


def test_where_a_machine_refuses_the_port_the_usual_ones_are_asked_without_the_key(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    here.docker.answers = lambda url: replace(SERVED, url=url) if url.endswith(":9931") else replace(REFUSES, url=url)
    found = looked_at(here, "http://192.168.1.20:8080")
    assert [one.url for one in found.elsewhere if one.answers] == ["http://192.168.1.20:9931"]
    asked = [one.partition(" ")[0] for one in here.docker.asked if one.startswith("http")]
    assert asked == [f"http://192.168.1.20:{port}" for port in (8080, 9931, 5001, 5000)]


def test_a_machine_that_is_silent_is_asked_nothing_more(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    here.docker.answers = lambda url: replace(SILENT, url=url)
    assert looked_at(here, "http://192.168.1.20:8080").elsewhere == ()


def test_on_this_machine_the_usual_ports_are_asked_on_which_somebody_listens(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    here.docker.answers = lambda url: replace(REFUSES, url=url)
    here.host.listening_ = {"127.0.0.1": {9931: "llama-server"}}
    here.host.answer = lambda url: replace(SERVED if url.endswith(":9931") else REFUSES, url=url)
    found = looked_at(here, "http://localhost:8080")
    assert [one.url for one in found.elsewhere] == ["http://127.0.0.1:9931"]
    assert found.here
    assert found.here.url == "http://127.0.0.1:8080"


def test_a_port_that_answers_leaves_the_others_alone(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    here.docker.answers = lambda url: replace(SERVED, url=url)
    assert looked_at(here, "http://192.168.1.20:9931").elsewhere == ()
    assert len([one for one in here.docker.asked if one.startswith("http")]) == 1
