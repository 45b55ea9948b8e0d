"""Part of the stand-in for KoboldCpp, for tests, never what a user gets: its HTTP answers.

Bodies and constant fields are those of tests/standins/recordings/koboldcpp/; the way they come about is that
of KoboldCpp 1.115.1's KcppServerRequestHandler (HTTP/1.0, one generation at a time, a queue of --multiuser).
"""

from __future__ import annotations

import argparse
import http.server
import json
import random
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.standins import gguf_header
from tests.standins.koboldcpp import generation
from tests.standins.koboldcpp.generation import model_name
from tests.standins.koboldcpp.router import AWAY, INITIAL, RELOAD, UNLOADED, Router
from tests.standins.llama_child import LlamaChild

ACCEPTED_HEADERS: Final = (
    "*, Accept, Content-Type, Content-Length, Cache-Control, Accept-Encoding, X-CSRF-Token, Client-Agent, "
    "X-Fields, Content-Type, Authorization, X-Requested-With, X-HTTP-Method-Override, apikey, genkey"
)
UNAUTHORIZED: Final = {
    "error": "Unauthorized",
    "msg": "Authentication key is missing or invalid.",
    "type": "unauthorized",
}
_OFF: Final = (
    "txt2img", "vision", "audio", "transcribe", "multiplayer", "websearch", "tts", "embeddings", "music", "fs",
    "savedata", "router", "guidance", "jinja", "mcp", "hasServerSaving", "hasAdminWithHF", "canSearchDocuments",
    "hasOpenLumaraEnabled",
)  # fmt: skip


@dataclass
class State:
    """What the answers depend on."""

    args: argparse.Namespace
    child: LlamaChild | None
    version: str
    started: float = field(default_factory=time.time)
    busy: threading.Lock = field(default_factory=threading.Lock)
    waiting: int = 0
    made: generation.Made = field(default_factory=generation.Made)
    router: Router | None = None

    @property
    def password(self) -> str:
        return (self.args.password or "").strip()

    @property
    def name(self) -> str:
        return model_name(self.args, has_model=self.child is not None)

    @property
    def context(self) -> int:
        return int(self.args.contextsize)

    def chat_template(self) -> str:
        header = gguf_header.metadata(Path(self.args.model_param)) if self.child else {}
        return str(header.get("tokenizer.chat_template", ""))

    def capabilities(self) -> dict[str, Any]:
        return {
            "result": "KoboldCpp",
            "version": self.version,
            "protected": bool(self.password),
            "llm": self.child is not None,
            **dict.fromkeys(_OFF, False),
            "fsMode": "memory",
            "admin": 0,
            "embeddingModel": "",
            "hasOpenLumaraAuthenticated": True,
        }

    def performance(self) -> dict[str, Any]:
        now = time.time()
        return {
            **self.made.performance(),
            **dict.fromkeys(("total_img_gens", "total_tts_gens", "total_transcribe_gens"), 0),
            "queue": self.waiting,
            "idle": 0 if self.busy.locked() else 1,
            "hordeexitcounter": -1,
            "uptime": now - self.started,
            "idletime": now - max(self.made.last_request, self.started),
            "quiet": bool(self.args.quiet),
        }

    def properties(self) -> dict[str, Any]:
        return {
            "chat_template": self.chat_template(),
            "id": 0,
            "id_task": -1,
            "total_slots": 1,
            "modalities": {"vision": False, "audio": False},
            "model_path": self.name,
            "n_ctx": self.context,
            "default_generation_settings": {"n_ctx": self.context},
        }

    def models(self) -> dict[str, Any]:
        entry = {"id": self.name, "object": "model", "created": int(time.time()), "owned_by": "koboldcpp"}
        names = [self.name, *((INITIAL, UNLOADED) if self.router else ())]
        return {
            "object": "list",
            "data": [{**entry, "id": name, "permission": [], "root": "koboldcpp"} for name in names],
        }

    def tags(self) -> dict[str, Any]:
        """The models as Ollama lists them."""
        return {"models": [{"name": self.name, "model": f"{self.name}:latest", "size": 0, "digest": "", "details": {}}]}


class Handler(http.server.BaseHTTPRequestHandler):
    """One request; `state` is put in by serve()."""

    server_version = "KoboldCppServer"
    sys_version = "1"
    state: State

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name for it
        """Say nothing: the real one logs requests only in debug mode."""

    def end_headers(self) -> None:
        self.send_header("access-control-allow-origin", "*")
        self.send_header("access-control-allow-methods", "*")
        self.send_header("access-control-allow-headers", ACCEPTED_HEADERS)
        self.send_header("cache-control", "no-store")
        super().end_headers()

    def reply(self, body: object, status: int = 200, content_type: str = "application/json") -> None:
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(raw)))
        self.send_header("content-type", content_type)
        self.end_headers()
        self.wfile.write(raw)

    def may_pass(self, *, silently: bool = False) -> bool:
        wanted = self.state.password
        given = self.headers.get("Authorization", "")
        if not wanted or (given.startswith("Bearer ") and given[len("Bearer ") :].strip() == wanted):
            return True
        if not silently:
            self.reply({"detail": UNAUTHORIZED}, 401)
        return False

    def do_GET(self) -> None:
        path = self.path.split("?")[0].rstrip("/")
        if self.state.router and self.state.router.is_away:
            self.reply(AWAY, 502, "text/html")
            return
        if path.endswith("/api/extra/generate/check"):
            if self.may_pass():
                self.reply({"results": [{"text": self.state.made.text}]})
            return
        if path in {"", "/api", "/docs", "/v1", "/lcpp"}:
            self.reply("stand-in for KoboldCpp, for tests only: no pages here", content_type="text/html")
            return
        body = self.answer(path)
        if body is None:
            self.reply(
                "Error: KoboldCpp HTTP Server is running, but this endpoint does not exist. Please check the "
                'URL and METHOD.<br><a href="/api">[Read API documentation here]</a><br><br>'
                f"Current path: {self.path}",
                404,
                "text/html",
            )
        else:
            self.reply(body)

    def answer(self, path: str) -> Mapping[str, Any] | None:
        """The body of a GET that needs no password."""
        state = self.state
        known: Mapping[tuple[str, ...], Callable[[], Mapping[str, Any]]] = {
            ("/api/v1/model", "/api/latest/model"): lambda: {
                "result": state.name if self.may_pass(silently=True) else "koboldcpp/protected-model"
            },
            ("/api/v1/info/version", "/api/latest/info/version"): lambda: {"result": "1.2.5"},
            ("/api/extra/version",): state.capabilities,
            ("/api/extra/true_max_context_length",): lambda: {"value": state.context},
            ("/api/v1/config/max_context_length",): lambda: {"value": state.context},
            ("/api/latest/config/max_context_length",): lambda: {"value": state.context},
            ("/api/v1/config/max_length", "/api/latest/config/max_length"): lambda: {"value": 1024},
            ("/api/extra/perf",): state.performance,
            ("/v1/models",): state.models,
            ("/api/tags",): state.tags,
            ("/api/version",): lambda: {"version": "0.7.0"},
        }
        for endings, make in known.items():
            if path.endswith(endings):
                return make()
        exact: Mapping[str, Callable[[], Mapping[str, Any]]] = {
            "/props": state.properties,
            "/models": state.models,
            "/ping": lambda: {"status": "healthy"},
        }
        return exact[path]() if path in exact else None

    def do_HEAD(self) -> None:
        self.reply("", content_type="text/html")

    def do_OPTIONS(self) -> None:
        self.do_HEAD()

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self.path.split("?")[0].rstrip("/")
        kind = generation.kind_of(path)
        if self.state.router and path == RELOAD:
            self.reload(self.state.router, json.loads(raw or b"{}"))
            return
        if path.startswith("/sdapi/"):  # images are made without the password
            self.reply({"images": [], "parameters": {}, "info": ""})
        elif kind is None and not path.endswith(generation.QUICK):
            self.reply("", 404, "text/html")
        elif self.may_pass():
            try:
                body = json.loads(raw) if raw else {}
            except ValueError:
                body = None
            if self.state.router and isinstance(body, dict):
                self.state.router.may_load(body, self.state)
            if kind is None:
                self.quick(path, body if isinstance(body, dict) else {})
            elif not isinstance(body, dict) or not body:
                self.reply({"detail": {"msg": "Error parsing input.", "type": "bad_input"}}, 500)
            else:
                self.queue(kind, body)

    def reload(self, router: Router, body: Mapping[str, Any]) -> None:
        """Unload or load the model, for whom has the admin's password; it is done after the answer."""
        wanted, password = body.get("filename"), self.state.args.adminpassword
        is_known = not password or self.headers.get("Authorization") == f"Bearer {password}"
        self.reply({"success": is_known and wanted in {INITIAL, UNLOADED}})
        if is_known and wanted in {INITIAL, UNLOADED}:
            threading.Thread(target=router.swap, args=(wanted, self.state), daemon=True).start()

    def quick(self, path: str, body: dict[str, Any]) -> None:
        """What is answered beside a running generation."""
        state, child = self.state, self.state.child
        if path.endswith("/abort"):
            state.made.abort.set()
            time.sleep(0.1)
            print("\nGeneration Aborted", flush=True)
            self.reply({"success": "true", "done": "true"})
        elif path.endswith("/check"):
            self.reply({"results": [{"text": state.made.text}]})
        elif path.endswith("/detokenize"):
            self.reply({"result": child.text(body.get("ids", [])) if child else "", "success": True})
        else:
            prompt = str(body.get("prompt", ""))
            ids = child.tokens(prompt, add_special=bool(body.get("special", True))) if child else []
            self.reply({"value": len(ids), "ids": ids, "prompt": prompt})

    def queue(self, kind: generation.Kind, body: dict[str, Any]) -> None:
        """One generation at a time; more than --multiuser in the queue are sent away."""
        state = self.state
        if state.waiting >= max(int(state.args.multiuser), 1):
            busy = {"msg": "Server is busy; please try again later.", "type": "service_unavailable"}
            self.reply({"detail": busy}, 503)
            return
        state.waiting += 1
        with state.busy:
            state.waiting -= 1
            self.generate(kind, body)

    def generate(self, kind: generation.Kind, body: dict[str, Any]) -> None:
        state = self.state
        pieces = state.made.run(state.child, generation.request(kind, body, state.child, state.args))
        number = random.randint(100000, 999999)  # noqa: S311  an id to look at
        if not (kind.streams or (kind.is_openai and body.get("stream"))):
            for _ in pieces:
                pass
            self.reply(generation.whole(kind, state.made, state.name, number))
            return
        self.send_response(200)
        self.send_header("X-Accel-Buffering", "no")
        self.send_header("connection", "keep-alive")
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        ahead = generation.Ahead(pieces)
        try:
            for event in generation.events(kind, ahead, state.made, state.name, number):
                self.wfile.write(event)
                self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):
            print("Token streaming was interrupted or aborted!", flush=True)
            state.made.abort.set()
            ahead.wait()
        self.close_connection = True


class DualStackServer(http.server.ThreadingHTTPServer):
    """IPv4 and IPv6 on one port, as the real one; IPv4 alone where the other is off."""

    daemon_threads = True

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        http.server.HTTPServer.server_bind(self)


def serve(state: State) -> None:
    handler = type("BoundHandler", (Handler,), {"state": state})
    address = (state.args.host, state.args.port)
    if not state.args.host and socket.has_ipv6:
        DualStackServer.address_family = socket.AF_INET6
    try:
        server = DualStackServer(address, handler)
    except OSError:
        DualStackServer.address_family = socket.AF_INET
        server = DualStackServer(address, handler)
    server.serve_forever()
