"""A registry on a port of 127.0.0.1, which every engine may use without TLS: it takes what is pushed, and gives it.

The part of https://github.com/opencontainers/distribution-spec that `docker push` and `docker pull` use.
"""

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4


@dataclass
class Registry:
    """What was pushed. `manifests`: by tag and by digest, with the media type."""

    folder: Path
    host: str = ""
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    pulled: list[str] = field(default_factory=list)  # the tag or digest of each manifest that was asked for

    def blob(self, digest: str) -> Path:
        return self.folder / digest.replace(":", "-")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: Registry

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """The tests have nothing to say."""

    def _answer(self, code: int, body: bytes | Path = b"", **headers: str) -> None:
        size = len(body) if isinstance(body, bytes) else body.stat().st_size
        self.send_response(code)
        for name, value in {"Content-Length": str(size), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if isinstance(body, bytes) else body.read_bytes())

    def _body(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        elif size := int(self.headers.get("Content-Length", 0)):
            yield self.rfile.read(size)

    def do_GET(self) -> None:
        kind, _, name = self.path.partition("?")[0].rpartition("/")
        if kind.endswith("/blobs"):
            blob = self.registry.blob(name)
            return self._answer(200, blob, Docker_Content_Digest=name) if blob.exists() else self._answer(404)
        if kind.endswith("/manifests"):
            if name not in self.registry.manifests:
                return self._answer(404)
            self.registry.pulled.append(name)
            kept, text = self.registry.manifests[name]
            return self._answer(200, text, Content_Type=kept, Docker_Content_Digest=_digest(text))
        return self._answer(200)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self._answer(202, Location=f"{self.path.partition('?')[0].rstrip('/')}/{uuid4()}")

    def do_PATCH(self) -> None:
        with self._upload().open("ab") as file:
            for piece in self._body():
                file.write(piece)
        self._answer(202, Location=self.path, Range=f"0-{self._upload().stat().st_size - 1}")

    def do_PUT(self) -> None:
        if "/manifests/" in self.path:
            text = b"".join(self._body())
            for name in (self.path.rpartition("/")[2], _digest(text)):
                self.registry.manifests[name] = (self.headers["Content-Type"], text)
            return self._answer(201, Docker_Content_Digest=_digest(text))
        with self._upload().open("ab") as file:
            for piece in self._body():
                file.write(piece)
        digest = re.sub("%3A", ":", self.path.rpartition("digest=")[2])
        self._upload().rename(self.registry.blob(digest))
        return self._answer(201, Docker_Content_Digest=digest)

    def _upload(self) -> Path:
        return self.registry.folder / self.path.partition("?")[0].rpartition("/")[2]


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@contextmanager
def registry_at(folder: Path) -> Iterator[Registry]:
    """Serve an empty registry until the end."""
    registry = Registry(folder=folder)
    handler = type("Handler", (_Handler,), {"registry": registry})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        registry.host = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield registry
        finally:
            server.shutdown()
            thread.join()
