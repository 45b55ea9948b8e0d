"""The bytes of an answer, read from its connection in large pieces, and the disk that takes them meanwhile."""

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from queue import SimpleQueue

import httpcore
import httpx
import pytest

from stackctl.effects.download.background import Flushing
from stackctl.effects.download.server import Again, body

BEGIN, REST = b"with the headers", b"behind them" * 200_000


class Connection:
    """Gives what it is told, as a network stream of httpcore does; keeps what was asked for."""

    def __init__(self, gives: Iterable[bytes | Exception]) -> None:
        self.gives = iter(gives)
        self.asked: list[tuple[int, float | None]] = []

    def read(self, size: int, timeout: float | None = None) -> bytes:
        self.asked.append((size, timeout))
        given = next(self.gives)
        if isinstance(given, Exception):
            raise given
        return given


def answer(connection: Connection | None, headers: dict[str, str], pieces: Iterable[bytes]) -> httpx.Response:
    class Pieces(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield from pieces

    return httpx.Response(
        200,
        headers=headers,
        stream=Pieces(),
        extensions={"network_stream": connection} if connection else {},
        request=httpx.Request("GET", "http://host/file", extensions={"timeout": {"read": 60.0}}),
    )


def sized(size: int = len(BEGIN + REST)) -> dict[str, str]:
    return {"Content-Length": str(size)}


def test_behind_the_first_piece_the_connection_is_read_to_the_said_end_in_large_pieces() -> None:
    half = len(REST) // 2
    connection = Connection([REST[:half], REST[half:], b"another answer"])
    assert b"".join(body(answer(connection, sized(), [BEGIN, b"never"]))) == BEGIN + REST
    assert connection.asked == [(1 << 20, 60.0)] * 2


def test_what_came_with_the_headers_may_be_all() -> None:
    connection = Connection([])
    assert list(body(answer(connection, sized(len(BEGIN)), [BEGIN]))) == [BEGIN]
    assert connection.asked == []


def test_the_last_piece_is_asked_for_no_further_than_the_end() -> None:
    connection = Connection([b"ab", b"c"])
    assert b"".join(body(answer(connection, sized(len(BEGIN) + 3), [BEGIN]))) == BEGIN + b"abc"
    assert [size for size, _ in connection.asked] == [3, 1]


@pytest.mark.parametrize(
    "headers", [{}, {"Transfer-Encoding": "chunked"}, {"Transfer-Encoding": "chunked", **sized()}, sized()]
)
def test_what_only_http_can_tell_is_left_to_it(headers: dict[str, str]) -> None:
    connection = None if headers == sized() else Connection([])
    assert b"".join(body(answer(connection, headers, [BEGIN, REST]))) == BEGIN + REST


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (b"", "ended 2200000 bytes early"),
        (httpcore.ReadTimeout("timed out"), "timed out"),
        (httpcore.ReadError("reset"), "reset"),
    ],
)
def test_a_connection_that_breaks_is_worth_another_try(given: bytes | Exception, says: str) -> None:
    pieces = body(answer(Connection([given]), sized(), [BEGIN]))
    assert next(pieces) == BEGIN
    with pytest.raises(Again, match=says):
        next(pieces)


def test_what_is_written_is_brought_to_the_disk_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: SimpleQueue[int] = SimpleQueue()
    monkeypatch.setattr(os, "fdatasync", flushed.put)
    with (tmp_path / "file").open("wb") as file, Flushing(file.fileno()) as flushing:
        flushing.wrote(63 << 20)
        flushing.wrote(1 << 20)
        assert flushed.get(timeout=10) == file.fileno()
    assert flushed.empty()


def test_a_disk_that_refuses_meanwhile_is_told() -> None:
    def written(descriptor: int) -> None:
        with Flushing(descriptor) as flushing:
            for _ in range(1000):
                flushing.wrote(64 << 20)
                time.sleep(0.001)

    reading, writing = os.pipe()  # has no disk
    with pytest.raises(OSError, match="Invalid argument"):
        written(writing)
    os.close(reading)
    os.close(writing)
