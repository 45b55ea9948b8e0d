"""An engine on another machine: its published ports are not ours, so SillyTavern is asked from inside its container.

The other machine is this one, behind a TCP port: all that stackctl has is DOCKER_HOST=tcp://...
"""

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stackctl.core.model.demo_model import SENTENCE, gguf_bytes
from tests.e2e import outside
from tests.e2e.conftest import Stack

pytestmark = [pytest.mark.engine, pytest.mark.machines]


def engine_socket() -> str:
    return os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")


def pump(source: socket.socket, target: socket.socket) -> None:
    """Pass on what comes until its end; an end is passed on, too (`docker exec` closes one direction)."""
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def relay(client: socket.socket) -> None:
    with client, socket.socket(socket.AF_UNIX) as engine:
        engine.connect(engine_socket())
        there = threading.Thread(target=pump, args=(client, engine))
        there.start()
        pump(engine, client)
        there.join()


@pytest.fixture
def remote() -> Iterator[str]:
    """The engine's socket as a loopback TCP port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = server.accept()
                    threading.Thread(target=relay, args=(client,), daemon=True).start()

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture
def there(remote: str, new_stack: Callable[..., Stack]) -> Stack:  # in this order: what is left is removed through it
    """One empty folder, and an engine elsewhere."""
    return new_stack(DOCKER_HOST=remote)


@pytest.mark.sample
def test_on_a_remote_engine_the_proof_is_made_inside_sillytaverns_container(there: Stack) -> None:
    began = int(time.time())
    result = there.deploy()
    assert result["reply"] == SENTENCE
    assert result["model"] == "stackctl-demo.gguf"
    assert result["tokens_per_s"] > 0
    assert json.loads(there.run("status", "--json").stdout)["ready"]
    window = ("--since", str(began), "--until", str(int(time.time()) + 1))
    runs = there.docker(
        "events", *window, "--filter", "event=exec_create", "--filter", f"container={there.container('sillytavern')}"
    )
    assert runs.count("exec_create: node -e") >= 4  # a token, settings, status, generation
    # what is asked, and a password with it, is in no argument: anybody on the engine's machine can see those
    assert "/api/" not in runs
    assert "X-CSRF-Token" not in runs
    said = there.run("smoke", "--restart").stdout
    assert "0 failed, 0 not run" in said
    assert "this host" not in said  # whose addresses are not the engine's


def test_the_proof_inside_finds_what_is_wrong_as_the_one_outside_does(there: Stack) -> None:
    settings = there.folder / "sillytavern/data/default-user/settings.json"
    there.deploy("--no-proof")
    wrong = json.loads(settings.read_text())
    wrong["textgenerationwebui_settings"]["server_urls"]["llamacpp"] = "http://llamacpp:9"
    settings.write_text(json.dumps(wrong))
    there.fails(7, "deploy", "--images", "own")
    settings.unlink()
    assert there.deploy()["reply"] == SENTENCE


@pytest.mark.sample
def test_ports_of_this_machine_do_not_count_on_another_one(there: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours:
        port = str(ours.getsockname()[1])
        done = there.run("deploy", "--dry-run", "--show", "--images", "own", "--port", port)
    assert f'"127.0.0.1:{port}:8000"' in done.stdout


def test_a_backend_elsewhere_is_asked_from_the_engines_machine(there: Stack, tmp_path: Path) -> None:
    (tmp_path / "demo.gguf").write_bytes(gguf_bytes())
    tmp_path.chmod(0o755)
    with outside.llamacpp(tmp_path, outside.gateway()) as port:
        done = there.run("deploy", "--json", "--images", "own", "--url", f"http://127.0.0.1:{port}")
    assert json.loads(done.stdout)["reply"] == SENTENCE
    assert "means the engine's machine" in done.stderr
