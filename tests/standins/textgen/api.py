"""Part of the stand-in for text-generation-webui, for tests, never what a user gets: its HTTP API.

Bodies and constant fields are those of tests/standins/recordings/textgen/; the order of the checks (Host header,
route, key, body) is that of modules/api/script.py of 2026-05.
"""

from __future__ import annotations

import http.server
import json
import socket
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from tests.standins.textgen import console
from tests.standins.textgen.answers import Answer
from tests.standins.textgen.loading import Models

LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1"})
OPEN_PATHS: Final = frozenset({"/docs", "/openapi.json", "/redoc"})
ADMIN_PREFIXES: Final = ("/v1/internal/model/list", "/v1/internal/model/load", "/v1/internal/model/unload")
DOCS: Final = (
    "<!DOCTYPE html><html><head><title>FastAPI - Swagger UI</title></head><body>stand-in for tests</body></html>"
)
GET: Final = "GET"
POST: Final = "POST"


class HttpError(Exception):
    """An answer of FastAPI's: a status and a detail."""

    def __init__(self, status: int, detail: object) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection; `models` is put in by serve()."""

    protocol_version = "HTTP/1.1"
    server_version = "uvicorn"
    sys_version = ""
    models: Models

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name for it
        """Say nothing: the real one has no access log."""

    def version_string(self) -> str:
        return self.server_version

    def do_GET(self) -> None:
        self.respond(GET)

    def do_POST(self) -> None:
        self.respond(POST)

    def do_OPTIONS(self) -> None:
        self.send("OK", content_type="text/plain; charset=utf-8")

    def respond(self, method: str) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self.path.split("?")[0]
        try:
            self.answer(method, path, raw)
        except HttpError as error:
            self.send({"detail": error.detail}, error.status)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        except (RuntimeError, ValueError, KeyError, OSError):
            print("ERROR:    Exception in ASGI application", file=sys.stderr)
            traceback.print_exc()
            sys.stderr.flush()
            self.send("Internal Server Error", 500, "text/plain; charset=utf-8")

    def answer(self, method: str, path: str, raw: bytes) -> None:
        args = self.models.args
        host = self.headers.get("host", "").split(":")[0]
        if not args.listen and host not in LOCAL_NAMES:
            raise HttpError(400, "Invalid host header")
        if path in OPEN_PATHS:
            html = path != "/openapi.json"
            self.send(DOCS if html else {"openapi": "3.1.0"}, content_type="text/html; charset=utf-8" if html else "")
            return
        made = self.routes().get(path)
        if path == "/" or (made and made[0] != method):
            raise HttpError(405, "Method Not Allowed")
        if made is None:
            raise HttpError(404, "Not Found")
        wanted = (args.admin_key or args.api_key) if path.startswith(ADMIN_PREFIXES) else args.api_key
        if wanted and self.headers.get("Authorization") != f"Bearer {wanted}":
            raise HttpError(401, "Unauthorized")
        body = self.parsed(raw) if method == POST else {}
        if path.endswith("/completions"):
            self.complete(path, body)
        else:
            self.send(made[1](body))

    def parsed(self, raw: bytes) -> dict[str, Any]:
        try:
            body = json.loads(raw or b"{}")
        except ValueError as error:
            raise HttpError(422, [{"type": "json_invalid", "loc": ["body", 0], "msg": "JSON decode error"}]) from error
        if not isinstance(body, dict):
            raise HttpError(
                422, [{"type": "model_attributes_type", "loc": ["body"], "msg": "Input should be an object"}]
            )
        return body

    def routes(self) -> Mapping[str, tuple[str, Callable[[dict[str, Any]], object]]]:
        """What there is and how it is asked for; a program without a model raises where a model is needed."""
        models = self.models
        return {
            "/v1/internal/health": (GET, lambda _: {"status": "ok"}),
            "/v1/models": (GET, lambda _: {"object": "list", "data": self.model_entries()}),
            "/v1/internal/model/info": (GET, lambda _: self.model_info()),
            "/v1/internal/model/list": (GET, lambda _: {"model_names": models.available()}),
            "/v1/internal/lora/list": (GET, lambda _: {"lora_names": []}),
            "/v1/internal/token-count": (POST, lambda body: {"length": len(self.tokens(body))}),
            "/v1/internal/encode": (POST, lambda body: {"tokens": (t := self.tokens(body)), "length": len(t)}),
            "/v1/internal/decode": (POST, lambda body: {"text": models.loaded().text(field(body, "tokens"))}),
            "/v1/internal/stop-generation": (POST, lambda _: self.stop_generation()),
            "/v1/internal/model/load": (POST, self.load_model),
            "/v1/internal/model/unload": (POST, lambda _: self.unload_model()),
            "/v1/completions": (POST, dict),
            "/v1/chat/completions": (POST, dict),
        }

    def tokens(self, body: Mapping[str, Any]) -> list[int]:
        return self.models.loaded().tokens(str(field(body, "text")))

    def model_entries(self) -> list[dict[str, Any]]:
        name = self.models.name
        entry = {"id": name, "object": "model", "created": 0, "owned_by": "user"}
        return [entry] if name != "None" else []

    def model_info(self) -> dict[str, Any]:
        return {"model_name": self.models.name, "lora_names": [], "loader": self.models.args.loader}

    def stop_generation(self) -> str:
        self.models.stopped.set()
        return "OK"

    def unload_model(self) -> str:
        self.models.unload()
        return "OK"

    def load_model(self, body: dict[str, Any]) -> str:
        """Answers OK even where llama-server died: only an exception is a failure."""
        name = str(field(body, "model_name"))
        self.models.unload()
        self.models.args.provided = set()
        try:
            self.models.load(name)
        except ValueError as error:
            traceback.print_exc()
            raise HttpError(500, "Failed to load the model.") from error
        return "OK"

    def complete(self, path: str, body: dict[str, Any]) -> None:
        is_chat = path.endswith("/chat/completions")
        field(body, "messages" if is_chat else "prompt")
        answer = Answer(self.models, body, is_chat)
        if body.get("stream"):
            self.stream(answer.chunks())
        else:
            self.send(answer.whole())

    def stream(self, chunks: Iterable[Mapping[str, Any]]) -> None:
        """Server-sent events; an exception comes after the 200 and cuts the connection, as the real one's does."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("cache-control", "no-store")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for chunk in chunks:
                self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
                self.wfile.flush()
            self.wfile.write(b"data: [DONE]\n\n")
        except (RuntimeError, ValueError):
            print("ERROR:    Exception in ASGI application", file=sys.stderr)
            traceback.print_exc()

    def send(self, body: object, status: int = 200, content_type: str = "") -> None:
        is_text = isinstance(body, str) and content_type
        raw = str(body).encode() if is_text else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(raw)))
        self.send_header("content-type", content_type or "application/json")
        if self.headers.get("Origin"):
            self.send_header("access-control-allow-origin", "*")
            self.send_header("access-control-allow-credentials", "true")
        self.end_headers()
        self.wfile.write(raw)


def field(body: Mapping[str, Any], name: str) -> Any:
    """A field that the request must have."""
    if body.get(name) is None:
        raise HttpError(422, [{"type": "missing", "loc": ["body", name], "msg": "Field required"}])
    return body[name]


class PageHandler(http.server.BaseHTTPRequestHandler):
    """The port of the page, without its page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"stand-in for text-generation-webui, for tests only: no page here")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name for it
        """Say nothing."""


def serve_page(host: str, port: int) -> None:
    http.server.ThreadingHTTPServer((host, port), PageHandler).serve_forever()


def free_port(port: int) -> int:
    """The port, or any other where it is taken: the real one does not fail."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            probe.bind(("", 0))
            other: int = probe.getsockname()[1]
            console.warning(f"Port {port} is already in use. Using port {other} instead.")
            return other
    return port


def serve(models: Models) -> None:
    args = models.args
    port = free_port(args.api_port)
    host = (args.listen_host or "0.0.0.0") if args.listen else "127.0.0.1"  # noqa: S104  as asked for
    console.info(f"OpenAI/Anthropic-compatible API URL:\n\nhttp://{host}:{port}/v1\n")
    if args.api_key:
        console.info(f"OpenAI API key:\n\n{args.api_key}\n")  # the real one prints it, too
    handler = type("BoundHandler", (Handler,), {"models": models})
    server = http.server.ThreadingHTTPServer((host, port), handler)
    server.daemon_threads = True
    server.serve_forever()
