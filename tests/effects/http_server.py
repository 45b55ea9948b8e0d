"""A real HTTP server of one file on 127.0.0.1, which misbehaves as it is told, request by request."""

import contextlib
import re
import ssl
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseServer

_STEP = 16 << 10  # bytes written at a time
CERTIFICATE = Path(__file__).with_name("localhost.pem")  # for 127.0.0.1, by itself, with its (worthless) key


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How one request is answered; by default as a good server does: 200, or 206 where a range is asked rightly."""

    status: int = 0  # 0: what is right
    headers: Mapping[str, str | None] = field(default_factory=dict)  # over the usual ones; None: left out
    body: bytes | None = None  # instead of the file
    cut_after: int | None = None  # bytes of the body, then the connection is closed
    ignores_range: bool = False
    ignores_if_range: bool = False
    is_chunked: bool = False
    pause_s: float = 0.0  # after each 16 KiB
    gate: threading.Event | None = None  # the body waits for it


@dataclass(frozen=True)
class Asked:
    """A request that came in."""

    path: str
    headers: Mapping[str, str]

    @property
    def range(self) -> str:
        return self.headers.get("Range", "")


class FileServer(ThreadingHTTPServer):
    """`answers` are used up one by one, then `usual` is what everyone gets."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, file: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.file = file
        self.etag: str | None = '"first"'
        self.last_modified: str | None = "Mon, 06 Jan 2025 10:00:00 GMT"
        self.answers: deque[Answer] = deque()
        self.usual = Answer()
        self.asked: list[Asked] = []
        self.sent = 0  # bytes of bodies, over all requests

    def url(self, name: str = "file.bin") -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that was killed is no error here
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # as it was given


@contextlib.contextmanager
def serving(file: bytes, *, is_secure: bool = False) -> Iterator[FileServer]:
    """A server in a thread of its own, gone at the end. `is_secure`: over TLS, with CERTIFICATE."""
    with FileServer(file) as server:
        if is_secure:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, request: object, client_address: object, server: BaseServer) -> None:
        assert isinstance(server, FileServer)
        self.files = server
        super().__init__(request, client_address, server)  # type: ignore[arg-type]  # as it was given

    def do_GET(self) -> None:
        self.files.asked.append(Asked(self.path, dict(self.headers)))
        self.close_connection = True
        answer = self.files.answers.popleft() if self.files.answers else self.files.usual
        status, body, headers = self._right(answer)
        usual: dict[str, str | None] = {
            "Content-Length": None if answer.is_chunked else str(len(body)),
            "Transfer-Encoding": "chunked" if answer.is_chunked else None,
            "ETag": self.files.etag,
            "Last-Modified": self.files.last_modified,
            "Connection": "close",
            **headers,
            **answer.headers,
        }
        self.send_response_only(answer.status or status)  # no Date of its own
        for name, value in usual.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if answer.gate:
            assert answer.gate.wait(10)
        if self.command != "HEAD":
            self._send(body, answer)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _right(self, answer: Answer) -> tuple[int, bytes, dict[str, str | None]]:
        """Status, body and range header of a server that does everything right."""
        file = self.files.file
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        condition = self.headers.get("If-Range")
        is_same = answer.ignores_if_range or condition in {None, self.files.etag, self.files.last_modified}
        if answer.body is not None or answer.status >= 300:
            return 200, answer.body or b"", {}
        if not wanted or answer.ignores_range or not is_same:
            return 200, file, {}
        start = int(wanted[1])
        if start >= len(file):
            return 416, b"", {"Content-Range": f"bytes */{len(file)}"}
        return 206, file[start:], {"Content-Range": f"bytes {start}-{len(file) - 1}/{len(file)}"}

    def _send(self, body: bytes, answer: Answer) -> None:
        body = body[: answer.cut_after]
        for start in range(0, len(body), _STEP):
            step = body[start : start + _STEP]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(step), step) if answer.is_chunked else step)
            self.files.sent += len(step)
            if answer.pause_s:
                threading.Event().wait(answer.pause_s)
        if answer.is_chunked and answer.cut_after is None:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Nothing: pytest's output is no access log."""
