"""What answers where the engine should be, tried on sockets of our own."""

import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stackctl.effects.docker.link import find_link

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
SOON_S = 0.05  # for an answer that never comes


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))


@contextmanager
def answering(path: Path, answer: bytes | None) -> Iterator[str]:
    """A server that gives each connection this answer; None: it never answers."""
    held: list[socket.socket] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                held.append(connection)
                if answer is not None:
                    connection.recv(1 << 10)  # who closes without having read it resets the connection
                    connection.sendall(answer)
                    connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"unix://{path}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    for one in held:
        one.close()


@pytest.mark.parametrize(
    ("answer", "failure"), [(OK, ""), (b"", "silent"), (b"SSH-2.0-OpenSSH_9.6\r\n", "unknown"), (None, "silent")]
)
def test_what_answers_is_told_apart(
    answer: bytes | None, failure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(tmp_path / "d.sock", answer) as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        found = find_link(SOON_S if answer is None else 10.0)
    assert (found.failure, found.source, found.socket) == (failure, "DOCKER_HOST", str(tmp_path / "d.sock"))


def test_a_socket_that_is_not_there_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    assert find_link(10.0).failure == "missing"


def test_a_socket_at_which_nobody_listens_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "d.sock"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/d.sock")
    assert find_link(10.0).failure == "refused"


def test_a_file_or_an_impossible_path_is_no_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", f"/{'x' * 200}"):
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        assert find_link(10.0).failure == "unknown"


@pytest.mark.parametrize(
    ("address", "failure"),
    [
        ("ssh://me@there", "elsewhere"),
        ("tcp://127.0.0.1:port", "unknown"),
        ("tcp://[::1", "unknown"),
        ("gopher://there", "unknown"),
        ("nonsense", "unknown"),
    ],
)
def test_an_address_that_is_no_socket_is_judged_by_its_kind(
    address: str, failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    assert find_link(10.0).failure == failure


def test_a_port_that_is_closed_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
    assert find_link(10.0).failure == "refused"


def context(folder: Path, name: str, meta: object) -> None:
    """A Docker context as its command writes it, which is the current one."""
    place = folder / "config" / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    place.mkdir(parents=True)
    (place / "meta.json").write_text(meta if isinstance(meta, str) else json.dumps(meta))
    (folder / "config" / "config.json").write_text(json.dumps({"currentContext": name}))


def test_the_current_context_names_the_engine(tmp_path: Path) -> None:
    with answering(tmp_path / "d.sock", OK) as address:
        context(tmp_path, "lab", {"Name": "lab", "Endpoints": {"docker": {"Host": address}}})
        found = find_link(10.0)
    assert (found.failure, found.source, found.context, found.address) == ("", "context", "lab", address)


@pytest.mark.parametrize("meta", ["{", "[]", {"Endpoints": []}, {"Endpoints": {"docker": None}}])
def test_a_context_that_is_damaged_can_not_be_read(meta: object, tmp_path: Path) -> None:
    context(tmp_path, "lab", meta)
    found = find_link(10.0)
    assert (found.failure, found.context) == ("context", "lab")


def test_a_context_that_is_not_there_can_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "lab")
    assert find_link(10.0).failure == "context"
