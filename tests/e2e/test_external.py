"""A backend that runs elsewhere, on the real engine: llama.cpp's own server and the stand-ins, outside of the stack."""

import hashlib
import json
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from stackctl.core.model.demo_model import SENTENCE, gguf_bytes
from tests.e2e import outside
from tests.e2e.conftest import Stack, free_port
from tests.e2e.failing import evidence, files, hint, ids, wish

pytestmark = pytest.mark.engine

MAC = "01:23:45:67:89:ab"
KEY = "open-sesame"


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the demo model, whole and cut."""
    folder = tmp_path_factory.mktemp("models")
    folder.chmod(0o755)
    good = gguf_bytes()
    for name, raw in (("demo.gguf", good), ("truncated.gguf", good[: len(good) * 2 // 3])):
        (folder / name).write_bytes(raw)
        (folder / name).chmod(0o644)
    return folder


@pytest.fixture(scope="session")
def gateway(own_images: None) -> str:
    del own_images
    return outside.gateway()


def external(stack: Stack, url: str, *, more: str = "") -> None:
    """stack.toml for a backend at this URL."""
    wish(
        stack,
        f'images = "own"\n[backend]\nkind = "external"\nurl = "{url}"\n{more}[sillytavern]\nport = {free_port()}\n',
    )


def deployed(stack: Stack, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stack.run("deploy", "--json", *words).stdout)
    return found


def services(stack: Stack) -> list[str]:
    label = f"label=com.docker.compose.project={stack.name}"
    return sorted(
        stack.docker("ps", "-a", "--filter", label, "--format", '{{.Label "com.docker.compose.service"}}').split()
    )


def connection(stack: Stack) -> tuple[str, str]:
    settings = json.loads((stack.folder / "sillytavern/data/default-user/settings.json").read_text())
    text = settings["textgenerationwebui_settings"]
    return text["type"], text["server_urls"][text["type"]]


def written(stack: Stack) -> dict[str, str]:
    names = ("stack.toml", "compose.yml", "stack.lock", "sillytavern/data/default-user/settings.json")
    return {name: hashlib.sha256((stack.folder / name).read_bytes()).hexdigest() for name in names}


# -- each kind, detected and proven


def test_llama_cpp_on_this_machine_from_one_command_in_an_empty_folder(
    stack: Stack, models: Path, gateway: str
) -> None:
    with outside.llamacpp(models, gateway) as port:
        done = stack.run(
            "deploy", "--json", "--images", "own", "--port", str(free_port()), "--url", f"http://localhost:{port}/v1"
        )
        result = json.loads(done.stdout)
        assert (result["backend"], result["model"], result["context"]) == ("llamacpp", "outside", 4096)
        assert result["reply"] == SENTENCE
        inside = f"http://host.docker.internal:{port}"
        assert f"http://localhost:{port} means this machine: from inside a container that is {inside}" in done.stderr
        assert "/v1 of backend.url is left out" in done.stderr
        assert connection(stack) == ("llamacpp", inside)
        assert services(stack) == ["sillytavern"]
        text = (stack.folder / "stack.toml").read_text()
        assert 'kind = "external"' in text
        assert f'url = "http://localhost:{port}/v1"' in text
        networks = stack.inspect("sillytavern")["NetworkSettings"]["Networks"]
        assert list(networks) == [f"{stack.name}_edge"]
        assert stack.docker("network", "ls", "-q", "--filter", f"name={stack.name}_inner") == ""

        before = written(stack), stack.inspect("sillytavern")["State"]["StartedAt"]
        assert deployed(stack)["reply"] == SENTENCE
        assert (written(stack), stack.inspect("sillytavern")["State"]["StartedAt"]) == before
        assert stack.run("diff").stdout.splitlines() == ["compose.yml stays as it is", "no container would be touched"]


@pytest.mark.machines
def test_koboldcpp_on_this_machine(stack: Stack, models: Path, gateway: str, program: Path) -> None:
    with outside.koboldcpp(program, models, gateway) as port:
        external(stack, f"http://127.0.0.1:{port}")
        result = deployed(stack)
        assert (result["backend"], result["model"], result["context"]) == ("koboldcpp", "koboldcpp/demo", 4096)
        assert result["reply"] == SENTENCE
        assert connection(stack) == ("koboldcpp", f"http://host.docker.internal:{port}")


@pytest.mark.machines
def test_text_generation_webui_by_an_address_that_is_taken_as_it_is(
    stack: Stack, models: Path, gateway: str, textgen: str
) -> None:
    del textgen
    with outside.textgen(models, "--listen", on=gateway) as port:
        external(stack, f"http://{gateway}:{port}")
        done = stack.run("deploy", "--json")
        result = json.loads(done.stdout)
        assert (result["backend"], result["model"], result["context"]) == ("text-generation-webui", "demo.gguf", None)
        assert "context not known (8192 assumed)" in done.stderr
        assert result["reply"] == SENTENCE
        assert "does not tell its context: 8192 is assumed" in done.stderr
        assert connection(stack) == ("ooba", f"http://{gateway}:{port}")
        assert stack.inspect("sillytavern")["HostConfig"]["ExtraHosts"] in ([], None)


@pytest.mark.machines
@pytest.mark.parametrize("kind", ["llamacpp", "koboldcpp", "text-generation-webui"])
def test_a_server_with_a_key_is_proven_with_it_and_named_without(
    stack: Stack, models: Path, gateway: str, kind: str, request: pytest.FixtureRequest
) -> None:
    if kind == "llamacpp":
        server = outside.llamacpp(models, gateway, "--api-key", KEY)
    elif kind == "koboldcpp":
        server = outside.koboldcpp(request.getfixturevalue("program"), models, gateway, "--password", KEY)
    else:
        request.getfixturevalue("textgen")
        server = outside.textgen(models, f"--listen --api-key {KEY}", on=gateway)
    with server as port:
        url = f"http://127.0.0.1:{port}"
        external(stack, url)
        said = stack.fails(3, "deploy")
        assert "asks for an API key" in said
        assert "backend.key_file" in hint(said)

        (stack.folder / "key.txt").write_text("not-the-one\n")
        external(stack, url, more='key_file = "key.txt"\n')
        assert "chmod 600" in hint(stack.fails(3, "deploy"))
        (stack.folder / "key.txt").chmod(0o600)
        assert "refuses the API key that stackctl sent" in stack.fails(3, "deploy")

        (stack.folder / "key.txt").write_text(f"{KEY}\n")
        done = stack.run("-v", "deploy", "--json")
        assert json.loads(done.stdout)["reply"] == SENTENCE
        assert KEY not in done.stdout + done.stderr
        assert KEY not in json.dumps(stack.inspect("sillytavern"))
        assert KEY not in (stack.folder / "compose.yml").read_text() + (stack.folder / "stack.lock").read_text()


# -- life with it


@pytest.mark.machines
def test_status_start_stop_logs_and_down_know_where_the_backend_is(stack: Stack, models: Path, gateway: str) -> None:
    with outside.llamacpp(models, gateway) as port:
        external(stack, f"http://127.0.0.1:{port}")
        url = deployed(stack)["url"]
        now = json.loads(stack.run("status", "--json").stdout)
        assert now["ready"]
        assert now["backend"] == {
            "title": "llama.cpp", "url": f"http://host.docker.internal:{port}", "model": "outside", "problem": None,
            "hint": None,
        }  # fmt: skip
        assert "it answers with outside" in stack.run("status").stdout
        assert "SillyTavern" in stack.run("logs", "sillytavern", "--tail", "all").stdout
        stack.run("stop")
        assert f"ready: {url}" in stack.run("start").stdout
    silent = stack.run("status", check=False)
    assert silent.returncode == 7
    assert f"nothing listens on port {port} of this machine" in silent.stdout
    stack.run("stop")
    assert f"nothing listens on port {port}" in stack.fails(7, "start")
    assert "no container would be touched" in stack.run("diff").stdout
    stack.run("down")
    assert ids(stack) == []


@pytest.mark.machines
def test_smoke_passes_with_a_backend_elsewhere_and_skips_what_is_not_the_stacks_own(
    stack: Stack, models: Path, gateway: str
) -> None:
    with outside.llamacpp(models, gateway) as port:
        external(stack, f"http://127.0.0.1:{port}")
        deployed(stack)
        found = json.loads(stack.run("smoke", "--restart", "--json").stdout)
        results = {one["name"]: one["status"] for one in found["checks"]}
    assert set(results.values()) == {"passed", "not_run"}
    assert results["isolation"] == results["restart"] == "not_run"
    assert {results[name] for name in ("services", "wiring", "model", "context", "streaming")} == {"passed"}


@pytest.mark.machines
def test_there_and_back_again(stack: Stack, models: Path, gateway: str) -> None:
    wish(stack, f'images = "own"\n[sillytavern]\nport = {free_port()}\n')
    first = deployed(stack)
    assert (first["reply"], services(stack)) == (SENTENCE, ["llamacpp", "sillytavern"])
    before = (stack.folder / "compose.yml").read_bytes()
    with outside.llamacpp(models, gateway) as port:
        away = deployed(stack, "--backend", "external", "--url", f"http://127.0.0.1:{port}")
        assert (away["model"], away["reply"], services(stack)) == ("outside", SENTENCE, ["sillytavern"])
        secrets = json.loads((stack.folder / "sillytavern/data/default-user/secrets.json").read_text())
        assert secrets["api_key_llamacpp"] == []
    back = stack.run("deploy", "--json", "--backend", "llamacpp")
    assert json.loads(back.stdout)["reply"] == SENTENCE
    assert "used with kind = 'external' only: backend.url" in back.stderr
    assert services(stack) == ["llamacpp", "sillytavern"]
    assert connection(stack) == ("llamacpp", "http://llamacpp:8080")
    assert (stack.folder / "compose.yml").read_bytes() == before


@pytest.mark.machines
def test_render_works_without_an_engine_once_the_server_is_known(stack: Stack, models: Path, gateway: str) -> None:
    with outside.llamacpp(models, gateway) as port:
        external(stack, f"http://127.0.0.1:{port}")
        assert "not known yet" in stack.fails(3, "render", "--stdout")
        deployed(stack)
    stack.environment["DOCKER_HOST"] = "unix:///nonexistent.sock"
    try:
        text = stack.run("render", "--stdout").stdout
    finally:
        del stack.environment["DOCKER_HOST"]
    assert f'"http://host.docker.internal:{port}/health"' in text
    assert "llamacpp:" not in text


# -- why nothing answers


def refused(stack: Stack, url: str, *words: str, code: int = 7) -> str:
    """A deploy that must fail, leaving no container and nothing half-written."""
    external(stack, url)
    before = files(stack)
    said = stack.fails(code, "deploy", *words)
    assert ids(stack) == []
    assert files(stack) == before
    return said


def test_a_server_on_loopback_alone_is_named_with_its_flag(stack: Stack, models: Path, textgen: str) -> None:
    del textgen
    with outside.llamacpp(models, "127.0.0.1") as port:
        said = refused(stack, f"http://127.0.0.1:{port}")
    assert f"error: llama.cpp listens on port {port} of this machine, but only on 127.0.0.1" in said
    assert hint(said) == "Start it with `--host 0.0.0.0`."
    assert f"http://host.docker.internal:{port}: connection refused" in evidence(said)
    with outside.textgen(models, "") as port:
        said = refused(stack, f"http://localhost:{port}")
    assert f"error: text-generation-webui listens on port {port} of this machine, but only on 127.0.0.1" in said
    assert hint(said) == "Start it with `--listen`."


@pytest.mark.chaos
def test_text_generation_webui_without_listen_that_is_reached_all_the_same_refuses_the_name(
    stack: Stack, models: Path, gateway: str, textgen: str
) -> None:
    del textgen
    with outside.textgen(models, "") as port, outside.passed_on(gateway, port) as open_port:
        said = refused(stack, f"http://host.docker.internal:{open_port}")
    assert "text-generation-webui refuses requests to any host name but localhost" in said
    assert hint(said) == "Start it with `--listen`."


@pytest.mark.chaos
def test_text_generation_webui_with_a_failed_model_is_not_ready(
    stack: Stack, models: Path, gateway: str, textgen: str
) -> None:
    del textgen
    with outside.textgen(models, "--listen", on=gateway, model="truncated.gguf") as port:
        assert "no model is loaded in it" in refused(stack, f"http://{gateway}:{port}", "--timeout", "60")


def test_where_nothing_runs_that_is_said(stack: Stack, gateway: str) -> None:
    port = free_port()
    assert f"nothing listens on port {port} of this machine" in refused(stack, f"http://127.0.0.1:{port}")
    assert f"nothing listens on port {port} of this machine" in refused(stack, f"http://{gateway}:{port}")


@pytest.mark.chaos
def test_a_port_that_swallows_connections_is_asleep_or_behind_a_firewall(stack: Stack, gateway: str) -> None:
    with outside.deaf(gateway) as port:
        said = refused(stack, f"http://127.0.0.1:{port}")
    assert f"something listens on port {port} of this machine ({gateway})" in said
    assert f"sudo ufw allow {port}/tcp" in hint(said)
    assert f"http://host.docker.internal:{port}: no answer in time" in evidence(said)


def test_a_name_that_no_container_knows(stack: Stack) -> None:
    assert "no container can resolve the name no-such-pc.invalid" in refused(stack, "http://no-such-pc.invalid:5001")


def test_a_server_of_another_kind_is_shown_by_what_it_answers(stack: Stack, gateway: str) -> None:
    with outside.toaster(gateway) as port:
        said = refused(stack, f"http://{gateway}:{port}")
    assert "of no kind that stackctl knows" in said
    assert f"http://{gateway}:{port}/props: 200 I am a toaster" in evidence(said)


# -- asleep


@pytest.mark.machines
def test_a_sleeping_backend_is_woken_up_waited_for_and_proven(stack: Stack, models: Path, gateway: str) -> None:
    """The server starts once the magic packet has arrived in its network, which is a bridge of the engine."""
    port, woken, done = free_port(), threading.Event(), threading.Event()

    def sleeper() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as card:
            card.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            card.bind(("", 9))
            card.settimeout(60)
            while card.recv(1024) != b"\xff" * 6 + bytes.fromhex(MAC.replace(":", "")) * 16:
                pass
        woken.set()
        with outside.llamacpp(models, gateway, port=port):
            done.wait(120)

    thread = threading.Thread(target=sleeper)
    thread.start()
    external(stack, f"http://{gateway}:{port}", more=f'wake = "{MAC}"\n')
    try:
        result = stack.run("deploy", "--json", "--timeout", "120")
        assert woken.is_set()
        assert json.loads(result.stdout)["reply"] == SENTENCE
        assert f"sent Wake-on-LAN to {MAC}" in result.stderr
    finally:
        done.set()
        thread.join()


@pytest.mark.chaos
def test_a_server_that_comes_up_in_time_is_waited_for_where_a_timeout_is_named(
    stack: Stack, models: Path, gateway: str
) -> None:
    port, done = free_port(), threading.Event()

    def late() -> None:
        time.sleep(4)
        with outside.llamacpp(models, gateway, port=port):
            done.wait(120)

    thread = threading.Thread(target=late)
    thread.start()
    external(stack, f"http://127.0.0.1:{port}")
    try:
        assert deployed(stack, "--timeout", "120")["reply"] == SENTENCE
    finally:
        done.set()
        thread.join()
