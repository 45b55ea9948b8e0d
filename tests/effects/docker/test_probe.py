"""Asking a server: from this machine, and what becomes of a container that can't ask. The rest: tests/e2e."""

import contextlib
import io
import json
import re
import socket
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import docker.errors
import pytest
import requests

from stackctl.contracts.answer import Answer
from stackctl.contracts.request import Request
from stackctl.effects import bounded
from stackctl.effects.docker import probe
from stackctl.errors import EngineError
from stackctl.secret import Secret
from tests.effects.hostile import bomb, chunk, endless, hostile

QUESTIONS = (Request(path="/health"), Request(path="/count", body='{"text":"hello"}'))


class FakeEngine:
    """An engine whose container says this; `fails`: what starting it raises."""

    def __init__(self, says: bytes = b"", fails: Exception | None = None) -> None:
        self.says, self.fails = says, fails
        self.client = self.api = self
        self.removed: list[str] = []
        self.made = ""
        self.wish: dict[str, Any] = {}
        self.host: dict[str, Any] = {}
        self.member = tarfile.TarInfo()

    def create_host_config(self, **options: Any) -> dict[str, Any]:
        self.host = options
        return {}

    def create_container(self, *words: Any, **options: Any) -> dict[str, str]:
        self.made = f"{words} {options}"
        return {"Id": "1"}

    def put_archive(self, _: str, path: str, packed: bytes) -> None:
        assert path == "/"
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            (self.member,) = tar.getmembers()
            content = tar.extractfile(self.member)
            self.wish = json.loads(content.read()) if content else {}

    def start(self, _: str) -> None:
        if self.fails:
            raise self.fails

    def wait(self, _: str, timeout: int) -> None:
        assert timeout <= 60

    def logs(self, _: str, *, stdout: bool, stderr: bool, **__: Any) -> bytes:
        assert stdout != stderr
        return self.says if stdout else b"exec: node: not found\n"

    def remove_container(self, container: str, force: bool) -> None:
        assert force
        self.removed.append(container)


def ask(engine: FakeEngine) -> object:
    return probe.ask(engine, "img", "bridge", ("http://x",), QUESTIONS, Secret("open sesame"))


@pytest.mark.parametrize(
    "fails", [docker.errors.APIError("no such network"), requests.ReadTimeout("slow"), KeyboardInterrupt()]
)
def test_the_container_is_removed_whatever_happens(fails: BaseException) -> None:
    engine = FakeEngine(fails=fails)  # type: ignore[arg-type]
    with pytest.raises((EngineError, KeyboardInterrupt)):
        ask(engine)
    assert engine.removed == ["1"]


def test_an_image_without_node_is_an_expected_failure() -> None:
    engine = FakeEngine(says=b"")
    with pytest.raises(EngineError, match="node does not run in img") as caught:
        ask(engine)
    assert caught.value.evidence == ("exec: node: not found",)
    assert engine.removed == ["1"]


def test_the_key_goes_by_a_private_file_and_stands_nowhere_that_docker_inspect_shows() -> None:
    engine = FakeEngine(says=b'{"tried":[]}')
    assert ask(engine) == ()
    assert engine.wish["key"] == "open sesame"
    assert (engine.member.mode, engine.member.uid) == (0o400, 65534)
    assert "65534" in engine.made
    assert "sesame" not in engine.made


class _Counting(BaseHTTPRequestHandler):
    """Knows no path but /count, which counts the letters that it is sent."""

    def do_GET(self) -> None:
        self._answer(404, {"detail": self.headers.get("Authorization", "no key")})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(200, {"length": len(body["text"]), "type": self.headers["Content-Type"]})

    def _answer(self, status: int, body: object) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Keep quiet."""


@contextlib.contextmanager
def counting() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Counting) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_from_this_machine_every_answer_counts_whatever_its_status() -> None:
    with counting() as url:
        found = probe.ask_here(url, QUESTIONS, None, bounded.over_http())
        with_key = probe.ask_here(url, QUESTIONS, Secret("sesame"), bounded.over_http())
    assert (found.url, found.failure) == (url, "")
    assert found.answers["/health"] == Answer(status=404, body='{"detail": "no key"}')
    assert with_key.answers["/health"].table == {"detail": "Bearer sesame"}
    assert found.answers["/count"].table == {"length": 5, "type": "application/json"}


def test_from_this_machine_a_closed_port_is_a_failure_without_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    found = probe.ask_here(url, QUESTIONS, None, bounded.over_http())
    assert found.failure
    assert found.answers == {}


def test_from_this_machine_an_answer_without_end_is_a_failure_that_says_so() -> None:
    for sends in (endless(chunk(b"x" * 60_000)), iter((bomb(64),))):
        with hostile() as server:
            server.sends = sends
            found = probe.ask_here(server.url, QUESTIONS, None, bounded.over_http())
        assert re.search("more than 200000 bytes|is compressed", found.failure)
        assert found.answers == {}


@pytest.mark.parametrize("says", [b"7", b"[" * 200_000, b"{}", b'{"tried":7}', b'{"tried":[{"url":"x"}]}', b"\xff"])
def test_a_container_that_says_what_no_script_of_ours_says_is_an_expected_failure(says: bytes) -> None:
    with pytest.raises(EngineError, match="node does not run in img"):
        ask(FakeEngine(says=says))


def test_what_such_a_container_says_is_bounded_by_the_engine() -> None:
    engine = FakeEngine(says=b'{"tried":[]}')
    ask(engine)
    assert engine.host["log_config"] == {"Type": "json-file", "Config": {"max-size": "64m"}}
