"""This machine's own names, from a file and a daemon's socket as they really are, or are not."""

import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from stackctl.effects.host.names import names

HOSTS = "127.0.0.1 localhost\n127.0.1.1 box.example.org box\n"
STATUS = {"Self": {"DNSName": "box.tail1a2b.ts.net."}, "Peer": None}


@contextmanager
def tailscaled(at: Path, status: int = 200, body: bytes = json.dumps(STATUS).encode()) -> Iterator[list[str]]:
    """A daemon that answers so; yields what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.headers['Host']}{self.path}")
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

    with Server(str(at), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield asked
        server.shutdown()
        thread.join()


def seen(tmp_path: Path, hosts: str | None = HOSTS) -> tuple[str, ...]:
    file = tmp_path / "hosts"
    if hosts is not None:
        file.write_text(hosts)
    return names(host=lambda: "box", hosts_file=file, tailscale=tmp_path / "t.sock", patience_s=0.2)


def test_the_full_name_comes_from_the_file_and_without_one_the_rest_is_there(tmp_path: Path) -> None:
    assert seen(tmp_path, None) == ("box", "box.local")
    assert seen(tmp_path) == ("box", "box.example.org", "box.local")
    (tmp_path / "hosts").write_bytes(b"\xff\xfe 127.0.1.1\n127.0.1.1 box.example.org box\n")
    assert seen(tmp_path, None) == ("box", "box.example.org", "box.local")


def test_tailscales_name_comes_from_its_daemon_without_a_program(tmp_path: Path) -> None:
    with tailscaled(tmp_path / "t.sock") as asked:
        assert seen(tmp_path) == ("box", "box.example.org", "box.local", "box.tail1a2b.ts.net")
    assert asked == ["local-tailscaled.sock/localapi/v0/status?peers=false"]


@pytest.mark.parametrize(("status", "body"), [(403, b"access denied"), (200, b""), (200, b"\xff"), (500, b"{}")])
def test_a_daemon_that_tells_nothing_adds_nothing(tmp_path: Path, status: int, body: bytes) -> None:
    with tailscaled(tmp_path / "t.sock", status, body):
        assert seen(tmp_path, None) == ("box", "box.local")


def test_a_daemon_that_is_stuck_a_socket_that_nobody_serves_and_a_file_in_its_place_hold_nothing_up(
    tmp_path: Path,
) -> None:
    at = tmp_path / "t.sock"
    with socket.socket(socket.AF_UNIX) as stuck:
        stuck.bind(str(at))
        stuck.listen()
        assert seen(tmp_path, None) == ("box", "box.local")
    assert seen(tmp_path, None) == ("box", "box.local")
    at.unlink()
    at.write_text("no socket")
    assert seen(tmp_path, None) == ("box", "box.local")


def test_this_machine_has_names_that_are_found_as_they_stand() -> None:
    label = socket.gethostname().lower().partition(".")[0]
    assert label == "localhost" or f"{label}.local" in names()
