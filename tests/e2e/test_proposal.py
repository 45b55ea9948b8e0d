"""From an empty folder and one Enter to a chat with a model that a hub gave, also where it was killed meanwhile.

The catalogue is one of small models, which `models update` fetched and verified; the best of them is a Gemma 4.
"""

import json
import os
import re
import signal
import subprocess
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stackctl.core.model import demo_model
from tests import small_catalogue
from tests.e2e.conftest import Stack
from tests.e2e.failing import IDLE, files, ids, override
from tests.hub.server import Fault, running
from tests.hub.server import Hub as Server
from tests.keys import press
from tests.shapes import speaking
from tests.shapes.family import Model
from tests.shapes.header import header
from tests.sign_catalogue import signature

pytestmark = pytest.mark.engine
MODEL = demo_model.gguf_bytes()
FILE = "Speaking-Q4_0.gguf"


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as hub:
        yield hub


@pytest.fixture
def empty(new_stack: Callable[..., Stack], server: Server, tmp_path: Path) -> Stack:
    """An empty folder, on a machine whose Hugging Face is ours, and whose catalogue is newer than stackctl's."""
    stack = new_stack()
    data = tmp_path / "data"
    stack.environment |= {"HF_ENDPOINT": server.url, "XDG_DATA_HOME": str(data), "LC_ALL": "C.UTF-8"}
    _update(stack, tmp_path)
    server.add(small_catalogue.FASTER, {FILE: speaking.gguf_bytes(), "README.md": b"about"})
    return stack


def _update(stack: Stack, place: Path) -> None:
    """Fetch the small catalogue, which a server beside the hub has, signed."""
    key, content = Ed25519PrivateKey.generate(), small_catalogue.text(speaks_first=True).encode()
    (place / "signed").mkdir()
    (place / "signed" / "catalogue.toml").write_bytes(content)
    (place / "signed" / "catalogue.toml.sig").write_bytes(signature(content, key))
    handler = partial(SimpleHTTPRequestHandler, directory=str(place / "signed"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{web.server_address[1]}/catalogue.toml"
        stack.run("models", "update", "--url", url, "--key", b64encode(key.public_key().public_bytes_raw()).decode())
        web.shutdown()


def begin(stack: Stack, *words: str, images: str = "own") -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [str(stack.program), "deploy", "--images", images, "--json", "--port", "auto", *words],
        cwd=stack.folder,
        env={**os.environ, **stack.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_one_enter_ends_in_a_chat_with_the_best_model_of_the_menu(empty: Stack, server: Server) -> None:
    argv = [str(empty.program), "deploy", "--images", "own", "--port", "auto"]
    # the user sits at this machine, so that nothing else is asked
    environment = {**os.environ, **empty.environment, "TERM": "dumb", "DISPLAY": ":0", "SSH_CONNECTION": ""}
    code, shown = press(argv, empty.folder, "\r", environment=environment, latest_s=300)
    assert code == 0, shown
    assert "this machine stackctl proposes" in shown
    assert "1  best: Speaking at Q4_0" in shown
    assert re.search(r"\d  another flavour: ", shown)
    assert "licence apache-2.0; thinks: if asked to; refuses: little" in shown
    assert shown.index("Press 1") < shown.index("meanwhile: http://127.0.0.1:") < shown.index("pulled hf:")
    assert speaking.SENTENCE in shown.partition("pulled hf:")[2]
    assert f'source = "hf:{small_catalogue.FASTER}:Q4_0"' in (empty.folder / "stack.toml").read_text()
    # nothing is asked for or fetched again
    server.asked.clear()
    again = json.loads(empty.run("deploy", "--json").stdout)
    assert (again["model"], again["reply"], server.asked) == (FILE, speaking.SENTENCE, [])
    listed = json.loads(empty.run("models", "list", "--json").stdout)["models"]
    assert [one["used_by"] for one in listed] == [[empty.name]]
    assert "is used by" in empty.fails(3, "models", "remove", listed[0]["name"], "--yes")


@pytest.mark.machines
def test_so_it_does_where_the_official_images_can_not_be_pulled(empty: Stack) -> None:
    """Where a registry answers, they are taken; the model is fetched and chats either way."""
    with begin(empty, "--yes", images="auto") as process:
        out, said = process.communicate(timeout=500)
    assert process.returncode == 0, said
    result = json.loads(out)
    assert (result["model"], result["reply"]) == (FILE, speaking.SENTENCE), said
    assert "chat with the demo model meanwhile: http://127.0.0.1:" in said


@pytest.mark.chaos
def test_killed_while_it_downloads_the_next_run_ends_the_same(empty: Stack, server: Server) -> None:
    server.usual["cdn"] = Fault(pause_s=0.2, step=8 << 10)
    process = begin(empty, "--yes")
    assert process.stderr
    for line in process.stderr:
        if line.startswith("Fetching the model"):
            break
    time.sleep(1.5)
    os.kill(process.pid, signal.SIGKILL)
    with process:
        process.stdout.close() if process.stdout else None
    server.usual.clear()
    assert not list(Path(empty.environment["XDG_DATA_HOME"]).rglob("Speaking-*.gguf"))
    with begin(empty) as again:
        out, said = again.communicate("", timeout=300)
    assert again.returncode == 0, said
    assert json.loads(out)["model"] == FILE
    assert "proposes" not in said


@pytest.mark.parametrize(("answer", "code", "says"), [("n\n", 0, "declined"), ("", 3, "error")])
def test_without_a_yes_nothing_is_fetched_or_started(
    empty: Stack, server: Server, answer: str, code: int, says: str
) -> None:
    with begin(empty) as process:
        out, said = process.communicate(answer, timeout=60)
    assert (process.returncode, list(json.loads(out))[1:]) == (code, [says]), said
    assert {(one.method, one.path) for one in server.asked} <= {("HEAD", "/")}  # whether it is there
    assert files(empty) == []
    assert ids(empty) == []


def test_of_several_models_that_runs_which_was_answered(stack: Stack) -> None:
    for name in ("one", "two"):
        (stack.folder / f"{name}.gguf").write_bytes(MODEL)
    entries = '[models.one]\npath = "one.gguf"\n[models.two]\npath = "two.gguf"\n'
    (stack.folder / "stack.toml").write_text(entries)
    with begin(stack) as process:
        _, said = process.communicate("", timeout=60)
    assert (process.returncode, "Run `stackctl use one` or `stackctl use two`." in said) == (3, True), said
    override(stack, llamacpp=IDLE, sillytavern=IDLE)
    with begin(stack, "--no-proof") as process:
        _, said = process.communicate("two\n", timeout=300)
    assert process.returncode == 0, said
    mounted = {one["Destination"] for one in stack.inspect("llamacpp")["Mounts"]}
    assert "/models/two.gguf" in mounted
    assert [one["name"] for one in json.loads(stack.run("use", "--json").stdout)["models"] if one["used"]] == ["two"]


def test_a_dry_run_of_a_source_shows_the_plan_and_fetches_its_header_alone(empty: Stack, server: Server) -> None:
    repo = next(iter(server.repos))
    done = empty.run("deploy", "--dry-run", "--images", "own", "--model", f"hf:{repo}")
    assert "has to be downloaded" in done.stderr
    assert "memory: RAM" in done.stderr
    assert not (empty.folder / "stack.toml").exists()
    assert not Path(empty.environment["XDG_DATA_HOME"], "stackctl", "models").exists()


@pytest.mark.chaos
def test_a_model_that_does_not_fit_is_refused_before_it_is_fetched(
    new_stack: Callable[..., Stack], server: Server, tmp_path: Path
) -> None:
    large = Model(arch="llama", layers=160, embd=16384, ff=65536, heads=128, kv_heads=16, vocab=32000)
    head, size = header(large.metadata(), large.tensors("q8_0"))
    server.add("owner/large", {"Large-Q8_0.gguf": head})
    stack = new_stack()
    stack.environment |= {"HF_ENDPOINT": server.url, "XDG_DATA_HOME": str(tmp_path / "data")}
    said = stack.fails(8, "deploy", "--images", "own", "--model", "hf:owner/large:Q8_0")
    assert "cut short" in said  # the hub has less than its header promises
    path = stack.folder / "large.gguf"
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size)
    said = stack.fails(6, "deploy", "--images", "own", "--model", str(path))
    assert "does not fit" in said
    assert "--force" in said
    assert not (stack.folder / "compose.yml").exists()
