"""SillyTavern asked inside its container: many files by one process, whose output comes in pieces of any size."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import pytest

from stackctl.core.secret import Secret
from stackctl.effects.tavern_http import Tavern
from stackctl.effects.tavern_inside import inside, reader
from stackctl.errors import NotReady

FILES = ("/script.js", "/style.css")


@dataclass
class Engine:
    """Has one container, in which node would say this, so many bytes at a time; what it was asked for."""

    says: bytes
    step: int
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

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
        for at in range(0, len(self.says), self.step):
            yield self.says[at : at + self.step], None


def said(*answers: tuple[int, str, str]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in answers)


def page(engine: Engine) -> Tavern:
    login = ("stackctl", Secret("secret"))
    return Tavern("http://127.0.0.1:1", inside(engine, "c"), reader=reader(engine, "c"), login=login)


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_many_files_are_read_by_one_process_with_the_sessions_login(step: int) -> None:
    answers = ((200, "text/javascript", "let é;\n"), (404, "", ""))
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
    found = page(Engine(said((200, "text/javascript", "x")) + b"[200, ", 5)).files(FILES)
    assert next(found)[0] == 200
    with pytest.raises(NotReady, match=r"does not answer /style\.css inside its container"):
        next(found)
