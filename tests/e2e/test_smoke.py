"""`stackctl smoke` on a real stack: it passes on a good one, and finds each fault that is planted."""

import contextlib
import json
import select
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import xmlschema

from stackctl.core.model.demo_model import SENTENCE, gguf_bytes
from stackctl.core.smoke.checks import CHECKS
from stackctl.effects.host import network as host_network
from tests.e2e.conftest import ROOT, Stack, free_port
from tests.e2e.failing import lasting, override, wish

pytestmark = pytest.mark.engine
SCHEMA = xmlschema.XMLSchema(str(ROOT / "tests" / "core" / "smoke" / "junit.xsd"))
SPOILER = Path(__file__).with_name("between.js")
TAVERN_IMAGE = "localhost/stackctl/sillytavern:1.19.0"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, installed: Path, own_images: None) -> Iterator[Stack]:
    """A stack that is well; a test puts back what it spoils."""
    del own_images
    with lasting(tmp_path_factory.mktemp("smoke") / "t-smoke", installed) as stack:
        wish(stack, f"[sillytavern]\nport = {free_port()}\n")
        stack.deploy()
        yield stack


def smoke(stack: Stack, code: int, *words: str) -> dict[str, Any]:
    """Run smoke, which must end with this exit code; check name -> what came of it."""
    done = stack.run("smoke", "--json", *words, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    assert result["exit_code"] == code
    assert result["passed"] == (code == 0)
    return {"": result, **{one["name"]: one for one in result["checks"]}}


def statuses(found: dict[str, Any], status: str) -> set[str]:
    return {name for name, one in found.items() if name and one["status"] == status}


def again(stack: Stack) -> None:
    """Bring up what compose.yml and its override say, as a user does by hand."""
    files = ["-f", "compose.yml", *(("-f", "compose.override.yml") if overridden(stack).exists() else ())]
    at = ("--project-directory", str(stack.folder))
    paths = [str(stack.folder / word) if word.endswith(".yml") else word for word in files]
    stack.docker("compose", "-p", stack.name, *at, *paths, "up", "-d", "--wait")


def overridden(stack: Stack) -> Path:
    return stack.folder / "compose.override.yml"


@contextlib.contextmanager
def planted(stack: Stack, **services: dict[str, Any]) -> Iterator[None]:
    """The stack with this override in force."""
    override(stack, **services)
    try:
        again(stack)
        yield
    finally:
        overridden(stack).unlink()
        again(stack)


@contextlib.contextmanager
def between(stack: Stack, how: str) -> Iterator[str]:
    """The stack with a proxy in its backend's place, which spoils what the backend streams; yield its container."""
    inner, backend = f"{stack.name}_inner", stack.container("llamacpp")
    stack.docker("network", "disconnect", inner, backend)
    stack.docker("network", "connect", "--alias", "behind", inner, backend)
    run = ("run", "-d", "--network", inner, "--network-alias", "llamacpp", "-v", f"{SPOILER}:/between.js:ro")
    proxy = stack.docker(*run, "--entrypoint", "node", TAVERN_IMAGE, "/between.js", how, "behind", "8080").strip()
    try:
        yield proxy
    finally:
        stack.docker("rm", "-f", proxy)
        stack.docker("network", "disconnect", inner, backend)
        stack.docker("network", "connect", "--alias", "llamacpp", inner, backend)


@contextlib.contextmanager
def forwarding(at: tuple[str, int], to: tuple[str, int]) -> Iterator[None]:
    """A program of this machine that hands on every connection, byte by byte."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError), socket.create_connection(to) as on:
                ends = {self.request: on, on: self.request}
                while ready := select.select(list(ends), [], [], 5)[0]:
                    for one in ready:
                        if not (part := one.recv(65536)):
                            return
                        ends[one].sendall(part)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(at, Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


# -- a good stack


def test_a_good_stack_passes_and_is_left_alone(good: Stack, tmp_path: Path) -> None:
    before = {service: good.inspect(service)["State"]["StartedAt"] for service in ("llamacpp", "sillytavern")}
    junit, summary = tmp_path / "junit.xml", tmp_path / "summary.md"
    summary.write_text("# the job\n")
    found = smoke(good, 0, "--junit", str(junit), "--summary", str(summary))
    assert statuses(found, "failed") == set()
    assert statuses(found, "not_run") == {"restart"}
    assert set(found) - {""} == {check.name for check in CHECKS}
    assert SENTENCE in found["reply"]["message"]
    assert found[""]["tokens_per_s"] > 0
    assert {service: good.inspect(service)["State"]["StartedAt"] for service in before} == before
    SCHEMA.validate(junit.read_text())
    assert summary.read_text().startswith("# the job\n## stackctl smoke: t-smoke passed\n")


def test_a_restart_of_the_backend_is_survived_by_the_same_sillytavern(good: Stack) -> None:
    before = {service: good.inspect(service)["State"]["StartedAt"] for service in ("llamacpp", "sillytavern")}
    found = smoke(good, 0, "--only", "restart")
    assert set(found) == {"", "restart"}
    after = {service: good.inspect(service)["State"]["StartedAt"] for service in before}
    assert after["llamacpp"] != before["llamacpp"]
    assert after["sillytavern"] == before["sillytavern"]


def test_for_people_it_is_a_table_and_the_checks_are_chosen_by_name(good: Stack) -> None:
    said = good.run("smoke", "--only", "reply", "--only", "services").stdout
    assert [line.split()[0] for line in said.splitlines()[:3]] == ["CHECK", "services", "reply"]
    assert "t-smoke: 2 passed, 0 failed, 0 not run" in said
    assert "Invalid value for '--only'" in good.run("smoke", "--only", "repl", check=False).stderr


@pytest.mark.chaos
def test_all_ends_within_its_bound_of_time(good: Stack) -> None:
    found = smoke(good, 7, "--timeout", "1")
    late = [one for name, one in found.items() if name and one["message"] == "the time for all checks is over"]
    assert late
    assert sum(one["duration_s"] for one in late) < 1  # what is left does not even begin


def test_no_report_holds_the_key(good: Stack, tmp_path: Path) -> None:
    key = (good.folder / ".stackctl" / "api-key").read_text().strip()
    file = good.folder / "sillytavern" / "data" / "default-user" / "settings.json"
    text = file.read_text()
    file.write_text(text.replace("http://llamacpp:8080", f"http://{key}"))
    reports = ("--junit", str(tmp_path / "j.xml"), "--summary", str(tmp_path / "s.md"))
    done = good.run("smoke", "--only", "wiring", "--annotate", *reports, check=False)
    file.write_text(text)
    assert done.returncode == 7
    everything = done.stdout + done.stderr + (tmp_path / "j.xml").read_text() + (tmp_path / "s.md").read_text()
    assert "http://***" in everything
    assert key not in everything


# -- planted faults


@pytest.mark.chaos
@pytest.mark.sample
def test_a_backend_that_is_down(good: Stack) -> None:
    good.docker("stop", good.container("llamacpp"))
    try:
        found = smoke(good, 7, "--restart")
    finally:
        good.run("start")
    assert statuses(found, "failed") == {"services", "wiring"}
    assert found["isolation"]["message"] == "llamacpp does not run"
    assert {"model", "reply", "streaming", "restart"} <= statuses(found, "not_run")
    assert found["reply"]["message"] == "because wiring failed"
    assert "llamacpp does not run" in found["services"]["message"]


@pytest.mark.chaos
def test_another_model_and_another_context_than_planned(good: Stack) -> None:
    command: list[str] = good.inspect("llamacpp")["Config"]["Cmd"]
    for flag, value in (("--alias", "other.gguf"), ("--ctx-size", "4096")):
        command[command.index(flag) + 1] = value
    with planted(good, llamacpp={"command": command}):
        found = smoke(good, 8)
    assert statuses(found, "failed") == {"model", "context"}
    assert found["model"]["message"] == "the backend runs other.gguf, and not stackctl-demo.gguf as planned"
    assert "a context of 4096 tokens, and not 8192 as planned" in found["context"]["message"]


def test_what_stack_toml_says_since_the_deploy_is_diffs_to_tell(good: Stack) -> None:
    wish = good.folder / "stack.toml"
    text = wish.read_text()
    wish.write_text(f"{text}\n[backend]\ncontext = 4096\n")
    try:
        smoke(good, 0, "--only", "model", "--only", "context")
        changes = json.loads(good.run("diff", "--json").stdout)["containers"]
    finally:
        wish.write_text(text)
    assert [(one["service"], one["action"]) for one in changes] == [("llamacpp", "recreate")]


@pytest.mark.chaos
def test_a_whitelist_that_shuts_this_machine_out(good: Stack) -> None:
    with planted(good, sillytavern={"environment": {"SILLYTAVERN_WHITELIST": '["127.0.0.1"]'}}):
        found = smoke(good, 7)
    assert statuses(found, "failed") == {"page"}
    assert "SillyTavern refuses this machine (403)" in found["page"]["message"]
    assert {"wiring", "reply"} <= statuses(found, "not_run")


@pytest.mark.chaos
def test_a_whitelist_that_lets_everybody_in(good: Stack) -> None:
    with planted(good, sillytavern={"environment": {"SILLYTAVERN_WHITELIST": '["0.0.0.0/0","::/0"]'}}):
        found = smoke(good, 10)
    assert statuses(found, "failed") == {"whitelist"}
    assert "lets every container of its network t-smoke_" in found["whitelist"]["message"]
    assert found["exposure"]["status"] == "passed"  # they would have to be in its own network


@pytest.mark.chaos
@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("HOSTWHITELIST_HOSTS", '[".invalid"]', "SillyTavern answers to any name (200)"),
        ("CORS_ENABLED", "true", "SillyTavern lets web pages of the origin null read"),
        ("DISABLECSRFPROTECTION", "true", "SillyTavern takes changes from web pages of any origin (204)"),
    ],
)
def test_a_page_that_web_pages_of_others_may_use(good: Stack, variable: str, value: str, says: str) -> None:
    with planted(good, sillytavern={"environment": {f"SILLYTAVERN_{variable}": value}}):
        found = smoke(good, 10, "--only", "page", "--only", "origin", "--only", "wiring")
    assert statuses(found, "failed") == {"origin"}
    assert found["origin"]["message"].startswith(says)


@pytest.mark.chaos
def test_a_backend_that_reaches_this_machine(good: Stack) -> None:
    mode = {f"com.docker.network.bridge.gateway_mode_ipv{family}": "nat" for family in (4, 6)}
    overridden(good).write_text(json.dumps({"networks": {"inner": {"driver_opts": mode}}}))
    try:
        good.deploy()
        found = smoke(good, 10, "--only", "isolation", "--only", "exposure")
        before = good.inspect("llamacpp")["State"]["StartedAt"]
        good.deploy()  # the user's own word is not fought with, deploy by deploy
        assert good.inspect("llamacpp")["State"]["StartedAt"] == before
    finally:
        overridden(good).unlink()
        good.deploy()  # by which the network is made anew
    assert statuses(found, "failed") == {"isolation"}
    assert (
        "through the network t-smoke_inner llamacpp can reach programs on this machine" in found["isolation"]["message"]
    )
    assert smoke(good, 0, "--only", "isolation")["isolation"]["status"] == "passed"


@pytest.mark.chaos
def test_a_backend_that_takes_anybody_without_a_key(good: Stack) -> None:
    command = good.inspect("llamacpp")["Config"]["Cmd"]
    at = command.index("--api-key-file")
    with planted(good, llamacpp={"command": [*command[:at], *command[at + 2 :]]}):
        found = smoke(good, 10)
    assert statuses(found, "failed") == {"key"}
    assert found["key"]["message"] == "llama.cpp answers without its key, too (200)"


@pytest.mark.chaos
def test_a_proxy_of_this_machine_that_opens_sillytavern_to_others(good: Stack) -> None:
    port = int(good.inspect("sillytavern")["HostConfig"]["PortBindings"]["8000/tcp"][0]["HostPort"])
    address = host_network.addresses()[0]
    with forwarding((address, port), ("127.0.0.1", port)):
        found = smoke(good, 10)
    assert statuses(found, "failed") == {"exposure"}
    assert f"sillytavern from this host ({address}:{port}: answers)" in found["exposure"]["message"]
    with forwarding((address, port), ("127.0.0.1", free_port())):
        assert smoke(good, 0, "--only", "exposure")["exposure"]["status"] == "passed"  # another program, not ours


@pytest.mark.chaos
@pytest.mark.sample
def test_a_missing_key(good: Stack) -> None:
    secrets = good.folder / "sillytavern" / "data" / "default-user" / "secrets.json"
    text = secrets.read_text()
    secrets.write_text("{}")
    try:
        found = smoke(good, 7)
    finally:
        secrets.write_text(text)
    assert statuses(found, "failed") == {"key"}
    assert "SillyTavern sends llama.cpp no key" in found["key"]["message"]
    assert found["reply"]["message"] == "because key failed"


@pytest.mark.chaos
def test_a_published_backend_port(good: Stack) -> None:
    with planted(good, llamacpp={"ports": ["127.0.0.1:18099:8080"], "networks": ["inner", "edge"]}):
        found = smoke(good, 10)
    assert statuses(found, "failed") == {"isolation", "exposure"}
    assert "llamacpp from this host (127.0.0.1:18099: answers)" in found["exposure"]["message"]
    assert "llamacpp is published at 127.0.0.1:18099" in found["isolation"]["message"]
    assert {"page", "reply", "streaming"} <= statuses(found, "passed")


@pytest.mark.chaos
@pytest.mark.parametrize("how", ["cut", "break"])
def test_a_stream_that_is_cut_off(good: Stack, how: str) -> None:
    with between(good, how):
        found = smoke(good, 7)
    assert statuses(found, "failed") == {"streaming"}
    assert "broke off in the middle of its stream" in found["streaming"]["message"]
    assert found["reply"]["status"] == "passed"


@pytest.mark.chaos
def test_a_stream_that_has_no_end(good: Stack) -> None:
    with between(good, "endless"):
        found = smoke(good, 7)
    assert statuses(found, "failed") == {"streaming"}
    assert "pieces of text came, but 48 tokens were asked for" in found["streaming"]["message"]
    assert found["streaming"]["duration_s"] < 30


@pytest.mark.chaos
def test_a_proxy_that_holds_a_stream_back_until_its_end(good: Stack) -> None:
    with between(good, "held"):
        found = smoke(good, 7)
    assert statuses(found, "failed") == {"streaming"}
    assert "nothing of the streamed answer came for 3" in found["streaming"]["message"]
    with between(good, "slow"):
        assert "pieces over" in smoke(good, 0, "--only", "streaming")["streaming"]["message"]


@pytest.mark.chaos
def test_damaged_characters_in_the_stream(good: Stack) -> None:
    with between(good, "bytes"):
        found = smoke(good, 7)
    assert statuses(found, "failed") == {"encoding"}
    assert "damaged characters" in found["encoding"]["message"]


@pytest.mark.chaos
def test_a_model_that_writes_control_characters_itself_passes(new_stack: Callable[..., Stack], tmp_path: Path) -> None:
    model = tmp_path / "odd.gguf"
    model.write_bytes(gguf_bytes().replace("▁demo".encode(), "▁\x03emo".encode()))
    stack = new_stack()
    assert "\x03emo" in stack.deploy("--model", str(model))["reply"]
    found = smoke(stack, 0, "--only", "reply", "--only", "encoding")
    assert "the model itself writes such ones" in found["encoding"]["says"]


@pytest.mark.chaos
def test_utf_8_that_was_taken_for_another_character_set_in_the_stream(good: Stack) -> None:
    with between(good, "twice"):
        found = smoke(good, 7)
    assert statuses(found, "failed") == {"encoding"}
    assert "and back \u00e2" in found["encoding"]["message"]


@pytest.fixture
def kinds(new_stack: Callable[..., Stack]) -> Callable[..., Stack]:
    return new_stack
