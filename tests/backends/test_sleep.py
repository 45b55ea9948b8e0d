"""How each backend unloads its model while it is idle, and what neither wakes it nor delays its sleep."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from stackctl.backends import BACKENDS, koboldcpp, llamacpp, textgen
from stackctl.backends.contract import Backend, Run
from stackctl.contracts.request import Request
from stackctl.errors import ConfigError
from tests.backends.test_contract import KEY, a_run, words


def sleepy(backend: Backend, idle_s: int) -> Run:
    return replace(a_run(backend), idle_unload_s=idle_s)


def value(backend: Backend, idle_s: int, flag: str) -> str:
    given = words(backend.launch(sleepy(backend, idle_s)))
    return given[given.index(flag) + 1]


def test_each_program_gets_the_time_by_its_own_flag_and_in_its_own_unit() -> None:
    assert value(llamacpp, 1200, "--sleep-idle-seconds") == "1200"
    assert value(koboldcpp, 1200, "--adminunloadtimeout") == "1200"
    assert value(textgen, 1200, "--idle-timeout") == "20"


@pytest.mark.parametrize("backend", BACKENDS.values(), ids=lambda one: one.NAME)
def test_a_program_that_never_sleeps_gets_none_of_that(backend: Backend) -> None:
    others = {"--sleep-idle-seconds", "--adminunloadtimeout", "--admin", "--routermode", "--idle-timeout"}
    assert not others & set(words(backend.launch(a_run(backend))))
    assert backend.unload(backend.launch(a_run(backend)).command) is None


@pytest.mark.parametrize(
    ("backend", "idle_s", "says", "hint"),
    [
        (koboldcpp, 90, "cut off one that takes longer than 90 s", 'Set `backend.idle_unload = "10 min"` or more'),
        (textgen, 90, "takes whole minutes, not 90 s", 'Set `backend.idle_unload = "2 min"`'),
    ],
)
def test_a_time_that_the_program_can_not_keep_is_refused(backend: Backend, idle_s: int, says: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=says) as raised:
        backend.check(sleepy(backend, idle_s))
    assert hint in raised.value.hint
    backend.check(sleepy(backend, 1200))
    llamacpp.check(sleepy(llamacpp, 5))


def test_koboldcpps_admin_page_wants_the_key_and_lies_in_no_command_line() -> None:
    launch = koboldcpp.launch(sleepy(koboldcpp, 1200))
    (text,) = launch.files.values()
    assert json.loads(text.reveal()) == {"password": KEY.reveal(), "adminpassword": KEY.reveal()}
    assert KEY.reveal() not in repr(launch)
    unload = koboldcpp.unload(launch.command)
    assert unload == Request(path="/api/admin/reload_config", body='{"filename":"unload_model"}')


@pytest.mark.parametrize(
    ("backend", "said", "sleeps"),
    [
        (llamacpp, '{"is_sleeping":true,"model_alias":"a.gguf"}', True),
        (llamacpp, '{"is_sleeping":false}', False),
        (llamacpp, '{"model_alias":"a.gguf"}', None),
        (llamacpp, '{"is_sleeping":1}', None),
        (llamacpp, "", None),
        (llamacpp, "0.03.103.019 I srv  handle_sleep: server is entering sleeping state", True),
        (llamacpp, "0.09.000.123 I srv  handle_sleep: server is exiting sleeping state", False),
        (llamacpp, "0.09.000.123 I srv  update_slots: all slots are idle", None),
        (koboldcpp, '{"data":[{"id":"inactive"},{"id":"initial_model"}]}', True),
        (koboldcpp, '{"data":[{"id":"koboldcpp/a"},{"id":"initial_model"}]}', False),
        (koboldcpp, '{"data":[]}', None),
        (koboldcpp, "Reloading new model/config: unload_model", True),
        (koboldcpp, "Reloading new model/config: initial_model", False),
        (koboldcpp, "<html>502 - KoboldCpp</html>", None),
        (textgen, "12:00:01-000001 INFO     Unloading the model for inactivity.", True),
        (textgen, '12:00:01-000001 INFO     Loading "a.gguf"', False),
        (textgen, '12:00:01-000001 INFO     Loaded "a.gguf" in 2.10 seconds.', False),
        (textgen, "Output generated in 0.52 seconds (50.19 tokens/s, 26 tokens, context 9, seed 1)", None),
    ],
)
def test_what_a_program_says_of_its_sleep_is_understood(backend: Backend, said: str, sleeps: bool | None) -> None:
    assert backend.asleep(said) is sleeps


def test_the_flags_of_the_programs_are_this_keys_and_no_arguments_of_the_users() -> None:
    for backend, flag, given, key in (
        (llamacpp, "--sleep-idle-seconds", "90", "90 s"),
        (koboldcpp, "--adminunloadtimeout", "900", "900 s"),
        (textgen, "--idle-timeout", "5", "5 min"),
    ):
        argument = backend.ARGUMENTS[flag]
        assert argument
        assert argument.read
        assert (argument.decides, argument.read(given)) == ("backend.idle_unload", key)


@dataclass
class Program:
    """text-generation-webui's answers: a count of tokens wakes its model, the lists do not (modules/api of 2026-05)."""

    is_loaded: bool = True
    can_load: bool = True
    name: str = "a.gguf"
    woken: int = 0
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str) -> tuple[int, object]:
        self.asked.append(path)
        if path != "/v1/internal/token-count":
            return 200, {"data": [{"id": self.name}] if self.name else []}
        if not self.is_loaded and self.can_load:
            self.is_loaded, self.woken = True, self.woken + 1
        return (200, {"length": 1}) if self.is_loaded else (500, {})


@pytest.fixture
def program() -> Iterator[tuple[Program, int]]:
    """A running program and its port."""
    it = Program()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            is_known = self.headers.get("Authorization") == f"Bearer {KEY.reveal()}"
            status, body = it.answer(self.path) if is_known else (401, {})
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        do_POST = do_GET  # noqa: N815 - http.server's name

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - likewise
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield it, server.server_port
        server.shutdown()


def is_healthy(port: int, folder: Path) -> bool:
    """Run the health command of a text-generation-webui that sleeps; `folder` is its /tmp, with its /proc in it."""
    script = textgen.health(sleeps=True)[-1].replace(str(textgen.PORT), str(port)).replace("/tmp", str(folder))
    script = script.replace("/proc/", f"{folder}/proc/")
    for place, text in textgen.launch(sleepy(textgen, 60)).files.items():
        (folder / "flags").write_text(text.reveal())
        script = script.replace(place, str(folder / "flags"))
    return subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=20, check=False).returncode == 0


def test_textgens_health_counts_tokens_until_a_model_is_loaded_and_then_wakes_none(
    program: tuple[Program, int], tmp_path: Path
) -> None:
    it, port = program
    it.is_loaded = it.can_load = False
    assert not is_healthy(port, tmp_path)  # it failed to load, or has not loaded yet
    it.is_loaded = it.can_load = True
    assert is_healthy(port, tmp_path)
    it.is_loaded = False
    it.asked.clear()
    assert is_healthy(port, tmp_path)
    assert (it.asked, it.woken) == (["/v1/models"], 0)
    (tmp_path / "proc/7").mkdir(parents=True)
    (tmp_path / "proc/8").mkdir()
    (tmp_path / "proc/8/stat").symlink_to("gone")  # a process that ends while it is looked at
    for state, is_well in (("S", True), ("Z", False), ("S", True)):
        (tmp_path / "proc/7/stat").write_text(f"7 (llama-server) {state} 1 7 7 0 -1\n")
        assert is_healthy(port, tmp_path) == is_well
    it.name = ""  # somebody unloaded it by the admin's API: no message would load it again
    assert not is_healthy(port, tmp_path)


def test_what_is_asked_of_a_sleeping_program_is_nothing_that_wakes_it() -> None:
    quiet = {
        llamacpp.NAME: {"/health", "/props", "/v1/models"},
        koboldcpp.NAME: {"/api/v1/model", "/v1/models"},
        textgen.NAME: {"/v1/models", "/v1/internal/model/info"},
    }
    for name, backend in BACKENDS.items():
        told = () if backend.SLEEP == "log" else (backend.SLEEP,)
        for one in (backend.QUIET, *told):
            assert isinstance(one, Request)
            assert (one.path in quiet[name], one.body) == (True, "")
