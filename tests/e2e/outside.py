"""Backends outside of any stack of ours, on the engine's own machine, and ways in which they can't be reached."""

import contextlib
import http.server
import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.e2e.conftest import free_port
from tests.standins.build import TEXTGEN_TAG

BASE, LLAMA = "localhost/stackctl/base:1", "localhost/stackctl/llamacpp:debian"
_SOON_S = 60


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


def gateway(inspected: str = "") -> str:
    """The engine's machine in its default bridge: containers reach it there, and nobody from the LAN does.

    `inspected`: what another engine says of its bridge.
    """
    found = json.loads(inspected or docker("network", "inspect", "bridge"))
    return next(str(one["Gateway"]) for one in found[0]["IPAM"]["Config"] if "." in one.get("Gateway", ""))


@contextlib.contextmanager
def running(image: str, *options: str, words: tuple[str, ...] = ()) -> Iterator[str]:
    """A plain container, gone afterwards."""
    name = docker("run", "--detach", *options, image, *words)
    try:
        yield name
    finally:
        docker("rm", "--force", "--volumes", name)


@contextlib.contextmanager
def llamacpp(models: Path, host: str, *words: str, port: int = 0, model: str = "demo.gguf") -> Iterator[int]:
    """llama.cpp's real server on the machine's own network; yields its port once the model is loaded."""
    port = port or free_port()
    options = ("--network", "host", "--volume", f"{models}:/models:ro")
    flags = ("--model", f"/models/{model}", "--ctx-size", "4096", "--parallel", "1", "--alias", "outside")
    with running(LLAMA, *options, words=(*flags, "--host", host, "--port", str(port), *words)):
        answers(f"http://{host}:{port}/health")
        yield port


@contextlib.contextmanager
def koboldcpp(program: Path, models: Path, host: str, *words: str) -> Iterator[int]:
    """The stand-in for KoboldCpp, likewise."""
    port = free_port()
    options = ("--network", "host", "--init", "--tmpfs", "/tmp:exec,mode=1777", "--entrypoint", "/opt/koboldcpp")
    mounts = ("--volume", f"{program}:/opt/koboldcpp:ro", "--volume", f"{models}:/models:ro")
    flags = ("--model", "/models/demo.gguf", "--usecpu", "--contextsize", "4096", "--host", host, "--port", str(port))
    with running(BASE, *options, *mounts, words=(*flags, *words)):
        answers(f"http://{host}:{port}/api/v1/model")
        yield port


@contextlib.contextmanager
def textgen(models: Path, flags: str, *, on: str = "", model: str = "demo.gguf") -> Iterator[int]:
    """The stand-in for text-generation-webui; `on`: where its port is opened, "": it is on the machine's network."""
    port = free_port()
    network = ("--publish", f"{on}:{port}:{port}") if on else ("--network", "host")
    mount = ("--volume", f"{models}:/app/user_data/models:ro")
    arguments = f"--api --api-port {port} --nowebui --loader llama.cpp --ctx-size 4096 --model {model} {flags}"
    with running(TEXTGEN_TAG, *network, *mount, "--env", f"EXTRA_LAUNCH_ARGS={arguments}"):
        answers(f"http://{on or '127.0.0.1'}:{port}/v1/models")
        yield port


def answers(url: str) -> None:
    """Wait until a server answers there, whatever it says, its "still loading" apart."""
    deadline = time.monotonic() + _SOON_S
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, trust_env=False).status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return
        time.sleep(0.2)
    raise AssertionError(f"nothing answers at {url}")


@contextlib.contextmanager
def passed_on(host: str, port: int) -> Iterator[int]:
    """A port at `host` that leads to one of 127.0.0.1, as Docker Desktop, a tunnel or Windows' portproxy make it."""
    with socket.create_server((host, 0)) as server:

        def pump(source: socket.socket, target: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while data := source.recv(1 << 16):
                    target.sendall(data)
            with contextlib.suppress(OSError):
                target.shutdown(socket.SHUT_WR)

        def relay(client: socket.socket) -> None:
            with client, socket.create_connection(("127.0.0.1", port)) as inner:
                there = threading.Thread(target=pump, args=(client, inner))
                there.start()
                pump(inner, client)
                there.join()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=relay, args=(server.accept()[0],), daemon=True).start()

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@contextlib.contextmanager
def deaf(host: str) -> Iterator[int]:
    """A port that answers no connection, as behind a firewall: its queue is full, and nobody accepts."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind((host, 0))
        server.listen(0)
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(server.getsockname())
        yield int(server.getsockname()[1])


@contextlib.contextmanager
def toaster(host: str) -> Iterator[int]:
    """A web server that is no backend."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"I am\na toaster")

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with http.server.ThreadingHTTPServer((host, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()
