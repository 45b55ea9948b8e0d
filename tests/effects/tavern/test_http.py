"""SillyTavern asked over HTTP: a stream that is whole, cut off or damaged, and failures that come with status 200."""

import contextlib
import itertools
import json
import threading
from collections.abc import Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from stackctl.core.tavern.replies import Reply
from stackctl.effects import bounded
from stackctl.effects.tavern.http import Tavern
from stackctl.errors import NotReady
from stackctl.secret import Secret

PIECES = (b'data: {"content":"caf"}\n\n', 'data: {"content":"é"}\n\n'.encode(), b'data: {"content":"","stop":true}\n\n')


class Page(ThreadingHTTPServer):
    """Answers like SillyTavern's page server, with what the test wants."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body: bytes = b""
        self.kind = "text/event-stream"
        self.status = self.door = 200
        self.token: object = "t"
        self.logins: list[str] = []
        self.allows = ""  # which origin may read
        self.headers: list[Message] = []
        self.missing = 0  # bytes of the announced body that never come
        self.asked: list[tuple[str, object]] = []


class Handler(BaseHTTPRequestHandler):
    server: Page

    def do_GET(self) -> None:
        self.server.headers.append(self.headers)
        self.server.logins.append(self.headers.get("Authorization", ""))
        self._answer(self.server.door, "application/json", json.dumps({"token": self.server.token}).encode())

    def do_POST(self) -> None:
        self.server.headers.append(self.headers)
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or "null")
        self.server.asked.append((self.path, sent))
        self._answer(self.server.status, self.server.kind, self.server.body, self.server.missing)

    def _answer(self, status: int, kind: str, body: bytes, missing: int = 0) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if self.server.allows:
            self.send_header("Access-Control-Allow-Origin", self.server.allows)
        self.send_header("Content-Length", str(len(body) + missing))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def page() -> Iterator[Page]:
    with Page() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def session(page: Page) -> Iterator[Tavern]:
    with Tavern(f"http://127.0.0.1:{page.server_port}", bounded.over_http()) as opened:
        yield opened


def generate(opened: Tavern) -> Reply:
    return opened.generate("llamacpp", "http://b", "Hi", 8)


def test_a_whole_stream_is_told_from_one_that_was_cut_off_or_broke(page: Page) -> None:
    with session(page) as opened:
        page.body = b"".join(PIECES)
        reply = generate(opened)
        assert (reply.text, reply.pieces, reply.is_whole) == ("café", 2, True)
        page.body = b"".join(PIECES[:2])
        assert not generate(opened).is_whole
        page.missing = 10
        reply = generate(opened)
        assert (reply.text, reply.is_whole) == ("café", False)


def test_another_page_has_the_session_and_the_login_and_never_the_token(page: Page) -> None:
    login = ("stackctl", Secret("secret"))
    with Tavern(f"http://127.0.0.1:{page.server_port}", bounded.over_http(), login=login) as opened:
        page.status, page.allows = 403, "*"
        assert opened.as_other("POST", "/api/ping", Origin="https://evil.example") == (403, "*")
        sent = page.headers[-1]
        assert (sent["Origin"], sent["Authorization"]) == ("https://evil.example", "Basic c3RhY2tjdGw6c2VjcmV0")
        assert "X-CSRF-Token" not in sent
        opened.as_other("GET", "/version", Host="evil.example")
        assert page.headers[-1]["Host"] == "evil.example"
        page.status, page.body, page.kind = 200, b'{"a": []}', "application/json"
        opened.key_in_use("llamacpp")
        assert page.headers[-1]["X-CSRF-Token"] == "t"


def test_a_connection_that_breaks_before_the_first_piece_is_an_error(page: Page) -> None:
    page.missing = 10
    with session(page) as opened, pytest.raises(NotReady, match="does not answer"):
        generate(opened)


@pytest.mark.parametrize("kind", ["text/event-stream", "text/event-stream; charset=latin-1"])
def test_damaged_bytes_are_seen_whatever_character_set_the_answer_claims(page: Page, kind: str) -> None:
    page.body, page.kind = b'data: {"content":"caf\xe9 "}\n\n' + PIECES[1], kind
    with session(page) as opened:
        assert generate(opened).text == "caf\ufffd é"


def test_an_answer_in_one_piece_is_asked_for_without_streaming(page: Page) -> None:
    page.body, page.kind = b'{"choices":[{"text":"Hello"}]}', "application/json"
    with session(page) as opened:
        assert opened.answer("koboldcpp", "http://b", "Hi", 8) == "Hello"
    path, sent = page.asked[-1]
    assert path == "/api/backends/text-completions/generate"
    assert isinstance(sent, dict)
    assert sent["stream"] is False


def test_a_failure_with_status_200_is_an_error_with_its_words(page: Page) -> None:
    page.body, page.kind = b'{"error":true,"status":401,"response":"Unauthorized"}', "application/json"
    with session(page) as opened, pytest.raises(NotReady, match=r"refused to generate \(401\)") as caught:
        opened.answer("koboldcpp", "http://b", "Hi", 8)
    assert caught.value.evidence == ("Unauthorized",)


@pytest.mark.parametrize(
    ("status", "body", "tokens"),
    [
        (200, b'{"default_generation_settings":{"n_ctx":4096}}', 4096),
        (200, b'{"default_generation_settings":7}', 0),
        (400, b"Bad Request", 0),
    ],
)
def test_the_context_is_what_the_backend_tells_or_0(page: Page, status: int, body: bytes, tokens: int) -> None:
    page.status, page.body, page.kind = status, body, "application/json"
    with session(page) as opened:
        assert opened.context("llamacpp", "http://b") == tokens


def test_a_session_sends_the_login_and_a_wrong_one_is_told_with_its_place(page: Page) -> None:
    page.door = 401
    address = f"http://127.0.0.1:{page.server_port}"
    opened = Tavern(address, bounded.over_http(), login=("me", Secret("pw")))
    with pytest.raises(NotReady, match="asks for a password") as failed, opened:
        pass
    assert ".stackctl/sillytavern-password" in failed.value.hint
    assert page.logins == ["Basic bWU6cHc="]


# -- what no SillyTavern sends

DEEP = b'{"a":' + b"[" * 200_000
WIDE = b'{"a":[' + b"{}," * 3_000_000 + b"0]}"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (DEEP, "nested too deeply"),
        (WIDE[: 4 << 20] + b"0]}", "more than 4194304 bytes|more entries"),
        (b'"text"', "is no table"),
        (b"<html>", "is no JSON"),
        (b"", "is no JSON"),
    ],
)
def test_json_that_would_fill_the_memory_is_an_error_that_says_so(page: Page, body: bytes, says: str) -> None:
    page.body, page.kind = body, "application/json"
    with session(page) as opened:
        for ask in (
            lambda: opened.model("llamacpp", "http://b", hint=""),
            lambda: opened.context("llamacpp", "http://b"),
            lambda: opened.answer("llamacpp", "http://b", "Hi", 8),
            lambda: opened.key_in_use("llamacpp"),
        ):
            with pytest.raises(NotReady, match=says + "|more than 1048576 bytes"):
                ask()


def test_settings_that_sillytavern_itself_can_not_read_are_said(page: Page) -> None:
    page.status, page.body = 500, b"EACCES"
    with session(page) as opened, pytest.raises(NotReady) as caught:
        opened.settings()
    assert caught.value.message == "SillyTavern can't read its own settings.json (500)"
    assert "must belong to the user that SillyTavern runs as" in caught.value.hint
    assert caught.value.evidence == ("EACCES",)


def test_a_server_that_sillytavern_gets_no_answer_from_is_named_with_the_way_out(page: Page) -> None:
    page.status, page.body = 400, b"ECONNREFUSED"
    with session(page) as opened, pytest.raises(NotReady) as caught:
        opened.model("llamacpp", "http://llamacpp:8081", hint="API Connections")
    says = "SillyTavern's settings name llamacpp at http://llamacpp:8081, and it gets no answer there (400)"
    assert (caught.value.message, caught.value.hint) == (says, "API Connections")


def test_a_whitelist_that_shuts_us_out_is_said_with_its_place(page: Page) -> None:
    page.door = 403
    with pytest.raises(NotReady, match="its whitelist does not name this machine's address") as caught:
        session(page).__enter__()
    assert "SILLYTAVERN_WHITELIST" in caught.value.hint
    assert caught.value.evidence


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (DEEP.decode(), "settings.json is nested too deeply"),
        ("7", "settings.json is no table"),
        ("{", "settings.json is no JSON"),
        (7, "settings.json is no table"),
    ],
)
def test_settings_that_nobody_can_read_are_an_error_with_the_way_out(page: Page, settings: object, says: str) -> None:
    page.body, page.kind = json.dumps({"settings": settings}).encode(), "application/json"
    with session(page) as opened, pytest.raises(NotReady, match=says) as caught:
        opened.settings()
    assert "move it away" in caught.value.hint


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'data: {"a":' + b"[" * 9000 + b"\n\n", "streams an event that is nested too deeply"),
        (b'data: {"a":[' + b"{}," * 20_000 + b"0]}\n\n", "streams an event that has more entries"),
        (PIECES[0] * 100, "37 pieces of text came, but 8 tokens were asked for"),
        (b": nothing\n" * 200_000, "more than 1081344 bytes"),
        (b"data: " + b"x" * 2_000_000, "more than 1081344 bytes"),
    ],
)
def test_a_stream_that_brings_too_much_is_an_error_that_says_so(page: Page, body: bytes, says: str) -> None:
    page.body = body + PIECES[2]
    with session(page) as opened, pytest.raises(NotReady, match=says):
        generate(opened)


@pytest.mark.parametrize("choices", [b"7", b"[7]", b'{"a":1}', b'["text"]', b"[[]]"])
def test_choices_that_are_none_bring_no_text(page: Page, choices: bytes) -> None:
    page.body = b'data: {"choices":' + choices + b"}\n\n" + PIECES[0] + PIECES[2]
    with session(page) as opened:
        assert generate(opened).text == "caf"


def test_a_line_separator_of_unicode_in_the_text_ends_no_event(page: Page) -> None:
    page.body = 'data: {"content":"a\u2028b\u0085c"}\r\n\r\n'.encode() + PIECES[2]
    with session(page) as opened:
        assert generate(opened).text == "a\u2028b\u0085c"


@pytest.mark.parametrize("charset", ["zlib_codec", "idna", "utf-16", "no-such"])
def test_the_character_set_that_an_answer_claims_decides_nothing(page: Page, charset: str) -> None:
    page.body, page.kind = '{"result":"é"}'.encode(), f"application/json; charset={charset}"
    with session(page) as opened:
        assert opened.model("llamacpp", "http://b", hint="") == "é"


@pytest.mark.parametrize("token", ["", "a\r\nX-B: c", "é", "x" * 2000, {"a": 1}])
def test_a_token_that_no_header_carries_is_not_sillytaverns(page: Page, token: object) -> None:
    page.token = token
    with pytest.raises(NotReady, match=r"what answers /csrf-token at .* is not SillyTavern"), session(page):
        pass


def test_the_last_event_of_a_stream_is_kept_for_what_it_says_of_the_speed(page: Page) -> None:
    page.body = b"".join(PIECES[:2]) + b'data: {"content":"","stop":true,"timings":{"predicted_n":2}}\n\n'
    with session(page) as opened:
        assert json.loads(generate(opened).ending)["timings"] == {"predicted_n": 2}
    page.body = b'data: {"choices":[{"text":"a","finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    with session(page) as opened:
        assert json.loads(generate(opened).ending)["choices"]


def test_an_endless_answer_is_asked_for_as_the_page_does_it(page: Page) -> None:
    page.body = b"".join(PIECES)
    with session(page) as opened:
        generate(opened)
        opened.generate("llamacpp", "http://b", "Hi", 8, is_endless=True)
    asked = [sent for _, sent in page.asked if isinstance(sent, dict)]
    assert [(one["ban_eos_token"], one["ignore_eos"]) for one in asked] == [(False, False), (True, True)]


def test_a_drip_of_pieces_ends_by_the_clock(page: Page) -> None:
    page.body = b"".join(PIECES)
    clock = itertools.count(0.0, 400.0).__next__
    way = bounded.bounded(httpx.HTTPTransport(), clock=clock)
    opened = Tavern(f"http://127.0.0.1:{page.server_port}", way)
    with pytest.raises(NotReady, match="did not end within 600 s"):
        generate(opened)
