"""SillyTavern asked over HTTP: a stream that is whole, cut off or damaged, and failures that come with status 200."""

import contextlib
import json
import threading
from collections.abc import Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stackctl.core.secret import Secret
from stackctl.effects.tavern_http import Tavern
from stackctl.errors import NotReady

PIECES = (b'data: {"content":"caf"}\n\n', 'data: {"content":"é"}\n\n'.encode(), b'data: {"content":"","stop":true}\n\n')


class Page(ThreadingHTTPServer):
    """Answers like SillyTavern's page server, with what the test wants."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body: bytes = b""
        self.kind = "text/event-stream"
        self.status = self.door = 200
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
        self._answer(self.server.door, "application/json", b'{"token":"t"}')

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
    with Tavern(f"http://127.0.0.1:{page.server_port}") as opened:
        yield opened


def test_a_whole_stream_is_told_from_one_that_was_cut_off_or_broke(page: Page) -> None:
    with session(page) as opened:
        page.body = b"".join(PIECES)
        reply = opened.generate("llamacpp", "http://b", "Hi", 8)
        assert (reply.text, reply.pieces, reply.is_whole) == ("café", 2, True)
        page.body = b"".join(PIECES[:2])
        assert not opened.generate("llamacpp", "http://b", "Hi", 8).is_whole
        page.missing = 10
        reply = opened.generate("llamacpp", "http://b", "Hi", 8)
        assert (reply.text, reply.is_whole) == ("café", False)


def test_another_page_has_the_session_and_the_login_and_never_the_token(page: Page) -> None:
    with Tavern(f"http://127.0.0.1:{page.server_port}", login=("stackctl", Secret("secret"))) as opened:
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
        opened.generate("llamacpp", "http://b", "Hi", 8)


@pytest.mark.parametrize("kind", ["text/event-stream", "text/event-stream; charset=latin-1"])
def test_damaged_bytes_are_seen_whatever_character_set_the_answer_claims(page: Page, kind: str) -> None:
    page.body, page.kind = b'data: {"content":"caf\xe9 "}\n\n' + PIECES[1], kind
    with session(page) as opened:
        assert opened.generate("llamacpp", "http://b", "Hi", 8).text == "caf\ufffd é"


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
    with pytest.raises(NotReady, match="asks for a password") as failed, Tavern(address, login=("me", Secret("pw"))):
        pass
    assert ".stackctl/sillytavern-password" in failed.value.hint
    assert page.logins == ["Basic bWU6cHc="]
