"""HTTP that ends, whatever the other side does; no test waits for longer than a part of a second."""

import itertools
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest

from stackctl.core.formats import answer_limit
from stackctl.core.formats.answer_limit import Exceeded, Limit, Silent
from stackctl.effects import bounded
from tests.effects.hostile import CHUNKED, OK, Hostile, bomb, chunk, endless, hostile

WIDE = Limit(seconds=60, silence_s=30, size=1 << 20, parts=10_000)
AT_ONCE = Limit(seconds=30, silence_s=0.05, size=1 << 20)


@pytest.fixture
def server() -> Iterator[Hostile]:
    with hostile() as found:
        yield found


def ticking(step_s: float) -> Callable[[], float]:
    """A clock that is so much further at each look."""
    return itertools.count(0.0, step_s).__next__


def read(server: Hostile, wanted: Limit, *, step_s: float = 0.0) -> bytes:
    way = bounded.bounded(httpx.HTTPTransport(), clock=ticking(step_s))
    with httpx.Client(transport=way, trust_env=False) as client:
        return client.get(server.url, extensions={answer_limit.EXTENSION: wanted}).content


def test_an_answer_within_its_limit_comes_as_it_is(server: Hostile) -> None:
    server.sends = iter((CHUNKED + chunk(b"whole "), chunk(b"answer") + chunk(b"")))
    assert read(server, WIDE) == b"whole answer"


def test_bytes_without_end_are_too_many_at_some_time(server: Hostile) -> None:
    server.sends = endless(chunk(b"x" * 60_000))
    with pytest.raises(Exceeded, match="more than 1048576 bytes"):
        read(server, WIDE)


def test_a_request_that_carries_no_limit_has_the_usual_one(server: Hostile) -> None:
    server.sends = endless(chunk(b"x" * 60_000))
    with (
        httpx.Client(transport=bounded.over_http()) as client,
        pytest.raises(Exceeded, match="more than 4194304 bytes"),
    ):
        client.get(server.url)


def test_a_length_that_is_announced_does_not_count_but_what_comes(server: Hostile) -> None:
    server.sends = endless(b"x" * 60_000, OK + b"Content-Length: 99999999999\r\n\r\n")
    with pytest.raises(Exceeded, match="more than 1048576 bytes"):
        read(server, WIDE)


def test_parts_without_end_are_too_many_though_they_hold_almost_nothing(server: Hostile) -> None:
    server.sends = endless(chunk(b"x") * 1000)
    with pytest.raises(Exceeded, match=r"more than 10000 parts; 10001 bytes had come"):
        read(server, WIDE)


def test_a_drip_ends_by_the_clock(server: Hostile) -> None:
    server.sends = endless(chunk(b"x"))
    with pytest.raises(Exceeded, match=r"did not end within 60 s; 1[0-9] bytes had come"):
        read(server, WIDE, step_s=5)


def test_a_server_that_falls_silent_ends_by_the_silence(server: Hostile) -> None:
    server.sends = iter((CHUNKED, chunk(b"x")))
    with pytest.raises(Silent, match="nothing of its answer came"):
        read(server, AT_ONCE)


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200", OK + b"X-A: b\r\n"])
def test_a_head_that_never_ends_is_no_exception(server: Hostile, head: bytes) -> None:
    server.sends = iter((head,))
    with pytest.raises(Silent, match="0 bytes had come"):
        read(server, AT_ONCE)


@pytest.mark.parametrize("field", [b"X-A: b\r\n", b"a", b"Set-Cookie: a=b\r\n"])
def test_a_head_of_endless_bytes_is_refused(server: Hostile, field: bytes) -> None:
    server.sends = endless(field * 100, OK)
    with pytest.raises(httpx.RemoteProtocolError):
        read(server, WIDE)


def test_a_head_that_is_announced_for_ever_never_comes(server: Hostile) -> None:
    server.sends = endless(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
    with pytest.raises(Silent, match="0 bytes had come"):
        read(server, AT_ONCE)


def test_nothing_is_unpacked(server: Hostile) -> None:
    server.sends = iter((bomb(64),))
    with pytest.raises(Exceeded, match=r"is compressed \(gzip\)"):
        read(server, WIDE)
    assert b"accept-encoding: identity\r\n" in server.asked[0].lower()


class Stuck(httpx.BaseTransport):
    """A way that gives back control at no time, as a stream of the engine does that nothing comes from."""

    def __init__(self) -> None:
        self.is_over = threading.Event()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.is_over.wait(20)
        raise httpx.ReadTimeout("at last", request=request)


def test_a_way_that_gives_back_no_control_is_left_behind() -> None:
    stuck = Stuck()
    with httpx.Client(transport=bounded.bounded(stuck)) as client, pytest.raises(Silent):
        client.get("http://b", extensions={answer_limit.EXTENSION: AT_ONCE})
    stuck.is_over.set()


class Endless(httpx.SyncByteStream):
    def __init__(self) -> None:
        self.is_closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        return itertools.repeat(b"x")

    def close(self) -> None:
        self.is_closed.set()


def test_who_wants_no_more_leaves_no_thread_behind_that_reads_on() -> None:
    body = Endless()
    way = bounded.bounded(httpx.MockTransport(lambda _: httpx.Response(200, stream=body)))
    with (
        httpx.Client(transport=way) as client,
        client.stream("GET", "http://b", extensions={answer_limit.EXTENSION: WIDE}) as answer,
    ):
        assert next(answer.iter_raw()) == b"x"
    assert body.is_closed.wait(10)


def test_an_error_of_the_way_is_the_callers(server: Hostile) -> None:
    server.sends = iter((b"SSH-2.0-OpenSSH_9.2\r\n\r\n",))
    with pytest.raises(httpx.RemoteProtocolError):
        read(server, WIDE)


def test_what_can_be_had_is_text_and_what_can_not_is_none(server: Hostile) -> None:
    server.sends = iter((OK + b"Content-Length: 2\r\n\r\n{}",))
    assert bounded.ask(bounded.over_http(), server.url, WIDE) == "{}"
    server.sends = endless(chunk(b"x" * 60_000))
    assert bounded.ask(bounded.over_http(), server.url, WIDE) == ""
    assert bounded.ask(bounded.over_http(), f"http://{'x' * 70}.invalid/", WIDE) == ""
    server.sends = iter((b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}",))
    assert bounded.ask(bounded.over_http(), server.url, WIDE) == ""
