"""SillyTavern asked inside its container: many files by one process, whose output comes in pieces of any size."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import docker.errors
import pytest
import requests

from stackctl.core.formats.answer_limit import Limit
from stackctl.effects import bounded
from stackctl.effects.tavern.exec import inside
from stackctl.effects.tavern.http import Tavern
from stackctl.errors import NotReady
from stackctl.secret import Secret

FILES = ("/script.js", "/style.css")


@dataclass
class Engine:
    """Has one container, in which node would say this, so many bytes at a time; what it was asked for."""

    says: bytes
    step: int
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    again: int = 1  # how often it says it
    fails: Exception | None = None

    @property
    def client(self) -> Self:
        return self

    @property
    def api(self) -> Self:
        return self

    def exec_create(self, container: str, argv: list[str], environment: dict[str, str]) -> dict[str, str]:
        assert argv[:2] == ["node", "-e"]
        self.asked.append((container, json.loads(environment["STACKCTL_REQUEST"])))
        return {"Id": "x"}

    def exec_start(self, _: str, **__: bool) -> Iterator[tuple[bytes | None, bytes | None]]:
        yield None, b"a warning"
        if self.fails:
            raise self.fails
        for _time in range(self.again):
            for at in range(0, len(self.says), self.step):
                yield self.says[at : at + self.step], None


HEAD = b'{"status":200,"headers":[]}\n'


def said(*answers: tuple[int, str, str]) -> bytes:
    lines = [json.dumps({"status": status, "type": kind, "text": text}) for status, kind, text in answers]
    return HEAD + "".join(f"{line}\n" for line in lines).encode()


def page(engine: Engine) -> Tavern:
    login = ("stackctl", Secret("secret"))
    return Tavern("http://127.0.0.1:1", bounded.bounded(inside(engine, "c")), reads_many=True, login=login)


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_many_files_are_read_by_one_process_with_the_sessions_login(step: int) -> None:
    answers = ((200, "text/javascript", "let é;\u2028\n"), (404, "", ""))
    engine = Engine(said(*answers), step)
    assert tuple(page(engine).files(FILES)) == answers
    ((container, wish),) = engine.asked
    assert (container, wish["urls"]) == ("c", [f"http://127.0.0.1:8000{path}" for path in FILES])
    assert wish["headers"]["authorization"] == "Basic c3RhY2tjdGw6c2VjcmV0"
    assert not {"host", "content-length"} & wish["headers"].keys()


def test_a_single_request_is_sent_as_it_is_with_the_host_that_somebody_else_would_name() -> None:
    engine = Engine(b'{"status": 403, "headers": [["Content-Type", "text/html"]]}\n<html>', 5)
    assert page(engine).as_other("GET", "/version", Host="evil.example") == (403, "")
    ((container, wish),) = engine.asked
    assert (container, wish["url"]) == ("c", "http://127.0.0.1:8000/version")
    assert wish["headers"]["host"] == "evil.example"
    assert wish["headers"]["authorization"] == "Basic c3RhY2tjdGw6c2VjcmV0"


def test_where_it_breaks_off_the_file_that_did_not_come_is_named() -> None:
    cut = {b"": r"not answer /style\.css inside", b'{"status":2': r"sends no file for /style\.css"}
    for rest, says in cut.items():
        found = page(Engine(said((200, "text/javascript", "x")) + rest, 5)).files(FILES)
        assert next(found)[0] == 200
        with pytest.raises(NotReady, match=says):
            next(found)


# -- what no node of ours says


def test_an_answer_comes_with_its_status_and_its_headers() -> None:
    head = json.dumps({"status": 404, "headers": [["Content-Type", "a/b"], ["Transfer-Encoding", "chunked"]]}).encode()
    assert page(Engine(head + b"\nnothing", 3)).file("/") == (404, "a/b", "nothing")


def test_an_answer_that_comes_packed_is_refused() -> None:
    head = json.dumps({"status": 200, "headers": [["Content-Encoding", "gzip"]]}).encode()
    with pytest.raises(NotReady, match="compressed"):
        page(Engine(head + b"\nnothing", 3)).file("/")


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"7\n",
        b"[]\n",
        b"{}\n",
        b'{"status":"200","headers":[]}\n',
        b'{"status":7,"headers":[]}\n',
        b'{"status":200,"headers":7}\n',
        b'{"status":200,"headers":[["a"]]}\n',
        '{"status":200,"headers":[["é","日"]]}\n'.encode(),
        b'{"status":200,"headers":' + b"[" * 90_000 + b"\n",
        b"[" * 500_000 + b"\n",
    ],
)
def test_a_head_that_is_none_is_an_error(head: bytes) -> None:
    with pytest.raises(NotReady, match="does not answer /"):
        page(Engine(head, 16_384)).file("/")


def test_what_has_no_end_has_one_here() -> None:
    for says in (b"x", HEAD, HEAD + b"x" * 60_000):
        engine = Engine(says, 60_000)
        engine.again = 300_000
        with pytest.raises(NotReady, match="does not answer /"):
            page(engine).file("/")
        with pytest.raises(NotReady, match=r"does not answer /script\.js|sends no file for /script\.js"):
            list(page(engine).files(FILES))


@pytest.mark.parametrize("fails", [docker.errors.APIError("is not running"), requests.ConnectionError("x"), OSError(9)])
def test_an_engine_that_can_not_ask_is_an_error_of_the_way(fails: Exception) -> None:
    engine = Engine(HEAD, 9)
    engine.fails = fails
    with pytest.raises(NotReady, match="does not answer /: the engine"):
        page(engine).file("/")


def test_what_the_container_reaches_elsewhere_is_asked_there() -> None:
    engine = Engine(HEAD + b"{}", 9)
    way = bounded.bounded(inside(engine, "c", "http://koboldcpp:5001"))
    wanted = Limit(seconds=9, silence_s=9, size=99)
    assert bounded.ask(way, "http://koboldcpp:5001/api/extra/perf", wanted) == "{}"
    assert engine.asked[0][1]["url"] == "http://koboldcpp:5001/api/extra/perf"
