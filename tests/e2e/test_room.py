"""An image that does not fit on the disk is refused before a byte of it is pulled: a real engine, a small registry."""

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.e2e.conftest import Stack

pytestmark = pytest.mark.engine
_OCI = "application/vnd.oci.image"
_TIB = 1 << 40


def descriptor(kind: str, raw: bytes, **more: object) -> dict[str, object]:
    return {"mediaType": kind, "digest": f"sha256:{hashlib.sha256(raw).hexdigest()}", "size": len(raw), **more}


class Registry(ThreadingHTTPServer):
    """Has one image for two platforms, of a layer of 1 TiB that nobody can have; it writes down what is asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        layer = {"mediaType": f"{_OCI}.layer.v1.tar+gzip", "digest": f"sha256:{'a' * 64}", "size": _TIB}
        config = descriptor(f"{_OCI}.config.v1+json", b"{}")
        manifest = json.dumps(
            {"schemaVersion": 2, "mediaType": f"{_OCI}.manifest.v1+json", "config": config, "layers": [layer]}
        ).encode()
        one = descriptor(f"{_OCI}.manifest.v1+json", manifest)
        platforms = [{**one, "platform": {"os": "linux", "architecture": name}} for name in ("amd64", "arm64")]
        index = json.dumps({"schemaVersion": 2, "mediaType": f"{_OCI}.index.v1+json", "manifests": platforms}).encode()
        self.has = {"/v2/": (b"{}", "application/json"), "/v2/huge/manifests/1": (index, f"{_OCI}.index.v1+json")}
        for kind, raw in (("index", index), ("manifest", manifest)):
            self.has[f"/v2/huge/manifests/sha256:{hashlib.sha256(raw).hexdigest()}"] = (raw, f"{_OCI}.{kind}.v1+json")
        self.asked: list[str] = []


class Handler(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        body, kind = self.server.has.get(self.path, (b"", ""))
        self.send_response(200 if kind else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Docker-Content-Digest", f"sha256:{hashlib.sha256(body).hexdigest()}")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the base class names it so

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextlib.contextmanager
def registry() -> Iterator[Registry]:
    with Registry() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_an_image_that_does_not_fit_is_refused_before_it_is_pulled(stack: Stack) -> None:
    with registry() as server:
        image = f"127.0.0.1:{server.server_port}/huge:1"
        (stack.folder / "stack.toml").write_text(f'[backend]\nimage = "{image}"\n')
        said = stack.fails(6, "deploy", "--images", "own")
    assert f"{image}: about 3145728 MiB are needed" in said
    assert not [path for path in server.asked if "/blobs/" in path]
    assert not (stack.folder / "compose.yml").exists()
