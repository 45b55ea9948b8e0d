"""What no patience mends: a file without an end, answers that are no HTTP, a server that wants to be left alone."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from stackctl.effects.download import fetch
from stackctl.errors import DoesNotFit, ModelError
from tests.effects.http_server import Answer, FileServer, serving

MIB = 1 << 20
LONG = bytes(40 * MIB)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(LONG) as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "file.bin"


class Filling:
    """A disk with room for 20 MiB over what has to stay, of which `target` takes its share."""

    def __init__(self, target: Path) -> None:
        self.part = target.with_name(f"{target.name}.part")

    def __call__(self, folder: Path) -> int:
        del folder
        return 220 * MIB - self.part.stat().st_size


def get(url: str, target: Path, slept: list[float], size: int = 0) -> str:
    with httpx.Client(trust_env=False) as client:
        return fetch(
            url, target, size=size, sha256="", progress=lambda *_: None, client=client, sleep=slept.append,
            free=Filling(target),
        )  # fmt: skip


def beside(target: Path) -> set[str]:
    return {path.name for path in target.parent.iterdir()} - {f".{target.name}.lock"}


def endless(server: FileServer, *, is_known: bool) -> None:
    """The server does not say how long its file is, and maybe not which one it is."""
    server.usual = Answer(is_chunked=True)
    if not is_known:
        server.etag = server.last_modified = None


def test_a_file_without_an_end_leaves_room_on_the_disk_and_no_part_that_nobody_can_continue(
    server: FileServer, target: Path
) -> None:
    endless(server, is_known=False)
    with pytest.raises(
        DoesNotFit, match=r"file.bin is not complete at 3\d\.\d MiB, .* of which 200\.0 MiB must"
    ) as raised:
        get(server.url(), target, [])
    assert "a rerun starts from the beginning" in raised.value.hint
    assert beside(target) == set()


def test_a_part_that_can_be_continued_stays(server: FileServer, target: Path) -> None:
    endless(server, is_known=True)
    with pytest.raises(DoesNotFit) as raised:
        get(server.url(), target, [])
    assert "a rerun resumes at 3" in raised.value.hint
    assert beside(target) == {"file.bin.part", "file.bin.part.json"}


def test_a_file_that_would_fill_the_disk_is_refused_before_it_is_fetched(server: FileServer, target: Path) -> None:
    with pytest.raises(
        DoesNotFit, match=r"needs 40\.0 MiB more, .* 220\.0 MiB free, of which 200\.0 MiB must stay free"
    ):
        get(server.url(), target, [])
    assert server.sent < len(LONG)


@pytest.mark.parametrize("has_validator", [True, False])
def test_what_ctrl_c_leaves_can_be_continued_or_is_deleted(
    server: FileServer, target: Path, *, has_validator: bool
) -> None:
    if not has_validator:
        server.etag = server.last_modified = None

    def progress(done: int, total: int) -> None:
        del total
        if done > MIB:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(server.url(), target, size=0, sha256="", progress=progress)
    assert ("file.bin.part" in beside(target)) == has_validator


@contextlib.contextmanager
def saying(words: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers every request with these bytes and hangs up; its address, and what it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):  # closed: the test is over
                while True:
                    line, _ = listening.accept()
                    with line, contextlib.suppress(ConnectionError):
                        asked.append(line.recv(65536))
                        line.sendall(words)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/file.bin", asked
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(
    "words",
    [
        b"hello, I am no web server\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\n: no name\r\n\r\nx",
        b'HTTP/1.1 200 OK\r\nETag: "1"\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\n',
    ],
    ids=["no-http", "length", "header", "chunk"],
)
def test_what_is_no_http_is_asked_for_once_more_and_then_said(target: Path, words: bytes) -> None:
    slept: list[float] = []
    with saying(words) as (url, asked), pytest.raises(ModelError, match="could not be downloaded: the transfer failed"):
        get(url, target, slept)
    assert (len(asked), slept) == (2, [1])


def test_a_connection_that_breaks_off_is_no_nonsense(target: Path) -> None:
    slept: list[float] = []
    with saying(b"") as (url, asked), pytest.raises(ModelError, match="disconnected"):
        get(url, target, slept)
    assert len(asked) == 8


@pytest.mark.parametrize(
    ("headers", "says", "hint"),
    [
        ({"Retry-After": "300"}, "429: too many requests, and asks to wait 5 minutes", "Wait 5 minutes"),
        ({"RateLimit": '"resolvers";r=0;t=240'}, "429: too many requests, and asks to wait 4 min", "Wait 4 minutes"),
        ({}, "429: too many requests$", "Wait some minutes"),
    ],
    ids=["retry-after", "rate-limit", "unsaid"],
)
def test_too_many_requests_are_called_that_with_the_time_to_wait_and_the_way_to_more(
    server: FileServer, target: Path, headers: dict[str, str], says: str, hint: str
) -> None:
    server.usual, slept = Answer(status=429, headers=headers), list[float]()
    with pytest.raises(ModelError, match=says) as raised:
        get(server.url(), target, slept)
    assert raised.value.hint.startswith(f"{hint} (at Hugging Face a login allows more: `hf auth login`, or HF_TOKEN). ")
    assert bool(slept) == (not headers)
