"""The API key on the real engine: by file alone, wanted by every backend, sent by SillyTavern, hidden in logs."""

import contextlib
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from stackctl.core.model.demo_model import SENTENCE
from stackctl.core.tavern import container as tavern
from tests.e2e.conftest import Stack, free_port
from tests.e2e.failing import evidence, gguf_without_a_tensor, hint

pytestmark = pytest.mark.engine

# a request that costs something: the backend must refuse it without the key
ASKED = {
    "llamacpp": ("http://llamacpp:8080/completion", {"prompt": "Hi", "n_predict": 1}),
    "koboldcpp": ("http://koboldcpp:5001/api/v1/generate", {"prompt": "Hi", "max_length": 1}),
    "text-generation-webui": ("http://text-generation-webui:5000/v1/completions", {"prompt": "Hi", "max_tokens": 1}),
}
# llama.cpp's server is the real one; of the stand-ins `make machines` has all
KINDS = [pytest.param(kind, marks=() if kind == "llamacpp" else pytest.mark.machines) for kind in ASKED]
KEY = "-a-key-of-the-tests-43-characters-long-0123"
_POST = """
const [url, body, key] = process.argv.slice(1);
const headers = {'content-type': 'application/json', ...(key && {authorization: 'Bearer ' + key})};
fetch(url, {method: 'POST', headers, body}).then(a => console.log(a.status), e => console.log(String(e)));
"""


@pytest.fixture
def of_kind(new_stack: Callable[..., Stack], request: pytest.FixtureRequest) -> Callable[[str], Stack]:
    """Makes a folder whose stack.toml names this backend, and a stand-in where the real one can't be had."""

    def make(kind: str) -> Stack:
        stack = new_stack()
        wish = f'[backend]\nkind = "{kind}"\n[sillytavern]\nport = {free_port()}\n'
        if kind == "koboldcpp":
            wish = wish.replace("\n[s", f'\nprogram = "{request.getfixturevalue("program")}"\n[s')
        if kind == "text-generation-webui":
            wish = wish.replace("\n[s", f'\nimage = "{request.getfixturevalue("textgen")}"\n[s')
        (stack.folder / "stack.toml").write_text(wish)
        return stack

    return make


def kept(stack: Stack) -> str:
    return (stack.folder / ".stackctl/api-key").read_text().strip()


def asked(stack: Stack, kind: str, key: str = "") -> str:
    """The status that a request from SillyTavern's container gets."""
    url, body = ASKED[kind]
    words = ("node", "-e", _POST, "--", url, json.dumps(body), key)
    return stack.docker("exec", stack.container("sillytavern"), *words).strip()


def secrets(stack: Stack) -> Path:
    return stack.folder / "sillytavern/data/default-user/secrets.json"


@contextlib.contextmanager
def page(url: str) -> Iterator[httpx.Client]:
    """SillyTavern's API, as its page uses it."""
    with httpx.Client(base_url=url) as client:
        client.headers["X-CSRF-Token"] = client.get("/csrf-token").json()["token"]
        yield client


@pytest.mark.parametrize("kind", KINDS)
def test_the_backend_refuses_whoever_has_no_key_and_only_files_hold_it(
    of_kind: Callable[[str], Stack], kind: str
) -> None:
    stack = of_kind(kind)
    git = ("git", "-C", str(stack.folder))
    subprocess.run((*git, "init", "-q"), check=True)
    assert stack.deploy()["reply"] == SENTENCE
    key = kept(stack)
    assert (asked(stack, kind), asked(stack, kind, "wrong"), asked(stack, kind, key)) == ("401", "401", "200")

    for service in (kind, "sillytavern"):
        assert key not in json.dumps(stack.inspect(service))
        assert key not in stack.docker("top", stack.container(service), "-o", "pid,args")
    open_to_all = [p for p in stack.folder.rglob("*") if p.is_file() and p.stat().st_mode & 0o077]
    assert not [p for p in open_to_all if key.encode() in p.read_bytes()]
    assert secrets(stack).stat().st_uid == stack.folder.stat().st_uid
    subprocess.run((*git, "add", "-A"), check=True)
    taken = subprocess.run((*git, "ls-files"), check=True, capture_output=True, text=True).stdout.split()
    assert set(taken) == {"compose.yml", "stack.lock", "stack.toml", "stackctl-demo.gguf"}

    # the same without an engine to ask, and still right without us
    label = re.findall("stackctl.content.*", (stack.folder / "compose.yml").read_text())
    assert label == re.findall("stackctl.content.*", stack.run("render", "--stdout").stdout)
    stack.run("down")
    subprocess.run(["docker", "compose", "up", "-d", "--wait"], cwd=stack.folder, check=True, capture_output=True)
    assert (asked(stack, kind), asked(stack, kind, key)) == ("401", "200")
    started = stack.inspect(kind)["State"]["StartedAt"]
    assert stack.deploy()["reply"] == SENTENCE
    assert stack.inspect(kind)["State"]["StartedAt"] == started


@pytest.mark.machines
@pytest.mark.parametrize("kind", ["koboldcpp", "text-generation-webui"])
def test_a_backend_that_writes_its_key_into_its_log_does_not_show_it_through_stackctl(
    of_kind: Callable[[str], Stack], kind: str
) -> None:
    stack = of_kind(kind)
    stack.deploy()
    key = kept(stack)
    assert key in stack.docker("logs", stack.container(kind))
    shown = stack.run("logs", kind, "--tail", "all").stdout
    assert key not in shown
    assert "***" in shown
    plain = stack.docker("compose", "-p", stack.name, "-f", str(stack.folder / "compose.yml"), "logs", kind)
    assert sorted(shown.splitlines()) == sorted(plain.replace(key, "***").splitlines())


@pytest.mark.chaos
def test_an_errors_evidence_does_not_show_the_key(of_kind: Callable[[str], Stack]) -> None:
    stack = of_kind("koboldcpp")
    # the log of a model that can't be loaded ends soon after the key
    (stack.folder / "broken.gguf").write_bytes(gguf_without_a_tensor())
    with (stack.folder / "stack.toml").open("a") as file:
        file.write('[model]\npath = "broken.gguf"\n')
    said = stack.fails(8, "deploy", "--images", "own")
    assert kept(stack) in stack.docker("logs", stack.container("koboldcpp"))
    assert evidence(said)
    assert kept(stack) not in said


@pytest.mark.machines
def test_a_deleted_key_is_replaced_everywhere_and_only_the_backend_is_recreated(
    of_kind: Callable[[str], Stack],
) -> None:
    stack = of_kind("text-generation-webui")
    url = stack.deploy()["url"]
    first = kept(stack)
    page_since = stack.inspect("sillytavern")["Id"]
    (stack.folder / ".stackctl/api-key").unlink()
    changes = json.loads(stack.run("diff", "--json").stdout)["containers"]
    assert [(c["service"], c["action"]) for c in changes] == [("text-generation-webui", "recreate")]
    assert stack.deploy()["reply"] == SENTENCE
    assert kept(stack) != first
    assert stack.inspect("sillytavern")["Id"] == page_since
    kind = "text-generation-webui"
    assert (asked(stack, kind, first), asked(stack, kind, kept(stack))) == ("401", "200")
    with page(url) as client:  # what SillyTavern itself makes of the file
        (entry,) = client.post("/api/secrets/read", json={}).json()["api_key_ooba"]
    assert (entry["id"], entry["active"]) == ("stackctl", True)
    assert kept(stack).endswith(entry["value"].strip("*"))


@pytest.mark.chaos
@pytest.mark.parametrize("kind", ASKED)
def test_a_key_that_the_user_chose_instead_is_left_and_the_proof_says_what_is_wrong(
    of_kind: Callable[[str], Stack], kind: str
) -> None:
    stack = of_kind(kind)
    url = stack.deploy()["url"]
    name = {"llamacpp": "api_key_llamacpp", "koboldcpp": "api_key_koboldcpp"}.get(kind, "api_key_ooba")
    with page(url) as client:
        client.post("/api/secrets/write", json={"key": name, "value": "their-key", "label": "mine"}).raise_for_status()
    chosen = json.loads(secrets(stack).read_text())
    said = stack.fails(7, "deploy", "--images", "own")
    assert "another key than this stack's (mine)" in said
    assert 'the key named "stackctl"' in hint(said)
    assert any(words in line for line in evidence(said) for words in ("Unauthorized", "gets no answer there (400)"))
    assert json.loads(secrets(stack).read_text()) == chosen

    with page(url) as client:
        client.post("/api/secrets/rotate", json={"key": name, "id": "stackctl"}).raise_for_status()
    assert stack.deploy()["reply"] == SENTENCE
    after: dict[str, Any] = json.loads(secrets(stack).read_text())
    assert [(e["label"], e["active"]) for e in after[name]] == [("stackctl", True), ("mine", False)]


@pytest.mark.parametrize(
    ("entry", "sent"),
    [
        ({"value": KEY, "active": True}, f"Bearer {KEY}"),
        ({"value": KEY, "active": False}, "undefined"),
        (None, "undefined"),
    ],
)
def test_sillytaverns_container_waits_with_the_key_that_sillytavern_will_send(
    stack: Stack, entry: dict[str, Any] | None, sent: str
) -> None:
    secrets = stack.folder / "secrets.json"
    secrets.write_text(
        json.dumps({"api_key_ooba": [{"value": "theirs", "active": False}, *([entry] if entry else [])]})
    )
    secrets.chmod(0o644)
    *_, wait, _url, body, _seconds, inside, name = tavern.entrypoint("", '{"text":"a"}', 0, "ooba")
    words = (wait, "http://127.0.0.1:5000/", body, "9", inside, name)
    server = (
        "const {spawn} = require('child_process');"
        "require('http').createServer((q, a) => {console.log(q.method, q.headers.authorization); a.end()})"
        ".listen(5000, () => spawn('node', ['-e', ...process.argv.slice(1)]).on('exit', c => process.exit(c)))"
    )
    mount = ("-v", f"{secrets}:{inside}:ro", "--network", "none", "--entrypoint", "node")
    said = stack.docker("run", "--rm", *mount, tavern.OWN_IMAGE, "-e", server, "--", *words)
    assert said == f"POST {sent}\n"
