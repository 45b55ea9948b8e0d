"""Serve a few files of this machine to the nodes by HTTP, for as long as a copy takes, to who has the token."""

import hashlib
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from stackctl.errors import EngineError
from stackctl.secret import Secret

_PIECE: Final = 1 << 20
_SILENT_S: Final = 120  # of a node that takes nothing


@dataclass(frozen=True, kw_only=True)
class Served:
    """Where the files are served, and what a request must know."""

    address: str
    port: int
    token: Secret


class _Digest:
    """The sha256 of a file, computed once, while it is copied."""

    def __init__(self, path: Path) -> None:
        self._path, self._found, self._is_known = path, "", threading.Event()
        threading.Thread(target=self._compute, daemon=True).start()

    def _compute(self) -> None:
        try:
            with self._path.open("rb") as stream:
                self._found = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError:
            self._found = ""  # no node can have that one, and the copy fails there
        self._is_known.set()

    def wait(self) -> str:
        self._is_known.wait()
        return self._found


@contextmanager
def serving(address: str, files: tuple[Path, ...]) -> Iterator[Served]:
    """Serve files under /0, /1, ... and their checksums under /0.sha256, ...; stop at the end."""
    token = Secret(secrets.token_urlsafe(32))
    try:
        server = ThreadingHTTPServer((address, 0), _handler(files, token))
    except OSError as e:
        raise EngineError(
            f"the nodes can't be served from this node's address in the Swarm, {address}: {e.strerror}",
            hint="Run stackctl on the manager itself; in a container, with `--network host`.",
            issue="swarm-data-elsewhere",
        ) from e
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Served(address=address, port=server.server_address[1], token=token)
    finally:
        server.shutdown()
        server.server_close()


def _handler(files: tuple[Path, ...], token: Secret) -> type[BaseHTTPRequestHandler]:
    digests = {f"/{number}.sha256": _Digest(path) for number, path in enumerate(files)}
    paths = {f"/{number}": path for number, path in enumerate(files)}
    expected = f"Bearer {token.reveal()}".encode()

    class Handler(BaseHTTPRequestHandler):
        timeout = _SILENT_S

        def do_GET(self) -> None:
            given = (self.headers.get("Authorization") or "").encode("utf-8", "replace")
            if not secrets.compare_digest(given, expected):
                self.send_error(HTTPStatus.FORBIDDEN)
            elif self.path in digests:
                self._send_text(digests[self.path].wait())
            elif self.path in paths:
                self._send_file(paths[self.path])
            else:
                self.send_error(HTTPStatus.NOT_FOUND)

        def _send_text(self, text: str) -> None:
            self.send_response(HTTPStatus.OK)
            self.end_headers()
            self.wfile.write(f"{text}\n".encode())

        def _send_file(self, path: Path) -> None:
            begin = (self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").removesuffix("-")
            try:
                with path.open("rb") as stream:
                    stream.seek(int(begin[:18]) if begin.isascii() and begin.isdecimal() else 0)
                    self.send_response(HTTPStatus.PARTIAL_CONTENT)
                    self.end_headers()
                    while piece := stream.read(_PIECE):
                        self.wfile.write(piece)
            except OSError:
                self.close_connection = True  # the node asks again for the rest

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the standard library
            """Write nothing: the nodes report what they received."""
            del format, args

    return Handler
