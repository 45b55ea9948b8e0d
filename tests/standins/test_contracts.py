"""The stand-ins keep the launch contract of the programs they stand for: arguments, exit codes, traps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from stackctl.backends import textgen as textgen_backend
from stackctl.core.model.demo_model import SENTENCE
from tests.standins.containers import BARE, Container, container, docker

pytestmark = pytest.mark.engine

EXECUTABLE_TMP: Final = ("--tmpfs", "/tmp:exec,mode=1777")
TINY: Final = ("--model", "/models/tiny.gguf", "--usecpu")
PASSWORD: Final = "secret"
SPACED: Final = "Tiny Test [v2] Q4_K_M.gguf"


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("--useclblast", "0", "0"), 2, "error: unrecognized arguments: --useclblast"),
        (("--usecpu", "--usecuda"), 2, "not allowed with argument"),
        (("--skiplauncher",), 2, "you need to specify a model with --model"),
        (("--model", "/models/missing.gguf"), 2, "Cannot find text model file: /models/missing.gguf"),
        (("--model", "/models/garbage.gguf"), 3, "Could not load text model: /models/garbage.gguf"),
        (("--model", "/models/truncated.gguf"), 139, "model is corrupted or incomplete"),
        (("--model", "/models/cut-header.gguf"), 139, "failed to read header"),
        (("--model", "/models/new-kind.gguf"), 139, "unknown model architecture: 'llamz'"),
        (("--contextsize", "262145"), 2, "error: argument --contextsize"),
        (("--batchsize", "100"), 2, "error: argument --batchsize"),
        (("--config", "/models/missing.kcpps"), 2, "Specified kcpp config file invalid or not found."),
        (("--version",), 0, "1.115.1"),
    ],
)
def test_koboldcpp_ends_with_the_code_and_the_line_of_the_real_one(
    words: tuple[str, ...], code: int, line: str, koboldcpp_options: list[str]
) -> None:
    with container(BARE, 5001, [*koboldcpp_options, *EXECUTABLE_TMP, "--init"], words) as found:
        assert found.exit_code() == code
        assert line in found.log()


@pytest.mark.machines
def test_of_koboldcpp_python_s_words_survive_a_crash_and_the_library_s_do_not(koboldcpp_options: list[str]) -> None:
    options = [*koboldcpp_options, *EXECUTABLE_TMP, "--init"]
    with container(BARE, 5001, options, ("--model", "/models/truncated.gguf")) as found:
        assert found.exit_code() == 139
        assert "Loading Text Model: /models/truncated.gguf" in found.log()
        assert "Attempting to Load..." not in found.log()
    with container(BARE, 5001, options, ("--model", "/models/garbage.gguf")) as found:
        assert found.exit_code() == 3
        lines = found.log().splitlines()
    last = next(i for i, line in enumerate(lines) if "Could not load text model" in line)
    assert any("Unidentified Model Encountered" in line for line in lines[last:])  # it comes late


@pytest.fixture(scope="module")
def protected(koboldcpp_options: list[str]) -> Iterator[Container]:
    """One with a password and a context of 8192 tokens, for tests that only ask."""
    words = (*TINY, "--password", PASSWORD, "--contextsize", "8192")
    with container(BARE, 5001, [*koboldcpp_options, *EXECUTABLE_TMP], words) as found:
        found.wait_until_it_answers()
        yield found


def test_koboldcpp_reserves_more_than_the_context_and_tells_the_context(protected: Container) -> None:
    assert "8448 cells" in protected.log()
    assert protected.ask("GET", "/api/extra/true_max_context_length").body == {"value": 8192}
    assert protected.ask("GET", "/props").body["n_ctx"] == 8192


def test_koboldcpp_s_password_guards_texts_alone(protected: Container) -> None:
    for path in ("/api/v1/model", "/props", "/v1/models", "/api/extra/perf", "/api/tags"):
        assert protected.ask("GET", path).status == 200, path
    assert protected.ask("POST", "/sdapi/v1/txt2img", {"prompt": "a cat"}).status == 200
    assert protected.ask("POST", "/v1/completions", {"prompt": "Hi"}).status == 401


def test_koboldcpp_sends_what_it_wrote_before_its_first_look_in_one_piece(protected: Container) -> None:
    asked = {"prompt": "Hi", "max_tokens": 8, "stream": True}
    reply = protected.ask("POST", "/v1/completions", asked, {"Authorization": f"Bearer {PASSWORD}"})
    events = [json.loads(line[6:]) for line in reply.body.splitlines() if line.startswith("data: {")]
    assert len([event for event in events if event["choices"][0]["text"]]) == 1


def test_koboldcpp_as_process_1_ends_with_1_where_a_signal_ended_it(koboldcpp_options: list[str]) -> None:
    """PyInstaller's starter raises the signal once more for itself, and the kernel drops it for process 1."""
    options = [*koboldcpp_options, *EXECUTABLE_TMP]
    with container(BARE, 5001, options, ("--model", "/models/truncated.gguf")) as found:
        assert found.exit_code() == 1


def test_koboldcpp_cannot_start_from_a_noexec_folder(koboldcpp_options: list[str]) -> None:
    with container(BARE, 5001, [*koboldcpp_options, "--tmpfs", "/tmp:mode=1777"], TINY) as found:
        assert found.exit_code() == 255
        assert "failed to map segment from shared object" in found.log()


def test_koboldcpp_opens_its_port_after_the_model_and_ends_on_a_signal(koboldcpp_options: list[str]) -> None:
    with container(BARE, 5001, [*koboldcpp_options, *EXECUTABLE_TMP, "--init"], TINY) as found:
        assert not found.answers()
        found.wait_until_it_answers()
        assert "Load Text Model OK: True" in found.log()
        assert "Please connect to custom endpoint at http://localhost:5001" in found.log()
        assert found.stop() == 143


def test_koboldcpp_names_a_model_by_the_letters_of_its_file(koboldcpp_options: list[str]) -> None:
    with container(BARE, 5001, [*koboldcpp_options, *EXECUTABLE_TMP], ("--model", f"/models/{SPACED}")) as found:
        found.wait_until_it_answers()
        assert found.ask("GET", "/api/v1/model").body == {"result": "koboldcpp/TinyTestv2Q4_K_M"}


def test_koboldcpp_takes_a_password_from_a_config_file_beside_flags(
    koboldcpp_options: list[str], tmp_path: Path
) -> None:
    config = tmp_path / "key.kcpps"
    config.write_text(json.dumps({"password": "secret", "contextsize": 512}))
    options = [*koboldcpp_options, *EXECUTABLE_TMP, "--volume", f"{config}:/key.kcpps:ro"]
    with container(
        BARE, 5001, options, (*TINY, "--contextsize", "1024", "--config", "/key.kcpps", "--port", "5001")
    ) as found:
        found.wait_until_it_answers()
        assert found.ask("POST", "/api/v1/generate", {"prompt": "Hi"}).status == 401
        assert found.ask("GET", "/props").body["n_ctx"] == 1024  # given under its main name, it wins


def test_koboldcpp_streams_what_the_model_says(koboldcpp_options: list[str]) -> None:
    with container(BARE, 5001, [*koboldcpp_options, *EXECUTABLE_TMP], TINY) as found:
        found.wait_until_it_answers()
        asked = {"prompt": "Hi", "max_tokens": 100, "stream": True, "temperature": 1.5}
        reply = found.ask("POST", "/v1/completions", asked)
    *events, done = [line for line in reply.body.splitlines() if line]
    assert (reply.content_type, done) == ("text/event-stream", "data: [DONE]")
    choices = [json.loads(event.removeprefix("data: "))["choices"][0] for event in events]
    assert "".join(choice["text"] for choice in choices) == SENTENCE
    assert choices[-1]["finish_reason"] == "stop"


def test_textgen_says_how_fast_it_was_once_a_generation_is_over(textgen: str, textgen_options: list[str]) -> None:
    words = "--listen --api --nowebui --model tiny.gguf"
    options = [*textgen_options, "--env", f"EXTRA_LAUNCH_ARGS={words}", "--env", "COLUMNS=400"]
    with container(textgen, 5000, options) as found:
        found.wait_until_it_answers()
        asked = {"prompt": "Hi", "max_tokens": 100, "stream": True}
        assert found.ask("POST", "/v1/completions", asked).status == 200
        (rate,) = [rate for line in found.log().splitlines() if (rate := textgen_backend.speed(line))]
    assert rate > 0


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        ("--listen --api --wbits 4", 2, "error: unrecognized arguments: --wbits 4"),
        ("--model missing.gguf --api", 1, "The path to the model does not exist. Exiting."),
        ("--model garbage.gguf --api", 1, "ValueError"),
        ("--model cut-header.gguf --api", 1, "ValueError"),
        (f'--model "{SPACED}" --api', 2, "error: unrecognized arguments: Test [v2] Q4_K_M.gguf"),
        ("--nowebui", 0, "Starting TextGen"),
        ("--model new-kind --api", 1, "ValueError: The checkpoint you are trying to load has model type `nosuch`"),
        ("--model no-tokenizer --api", 1, "ValueError: Couldn't instantiate the backend tokenizer from one of:"),
        ("--model other-config --api", 1, "ValueError: Trying to set a tensor of shape torch.Size([8, 4])"),
    ],
)
def test_textgen_ends_with_the_code_and_the_line_of_the_real_one(
    words: str, code: int, line: str, textgen: str, textgen_options: list[str]
) -> None:
    options = [*textgen_options, "--env", f"EXTRA_LAUNCH_ARGS={words}", "--env", "COLUMNS=400"]
    with container(textgen, 5000, options) as found:
        assert found.exit_code() == code
        assert line in found.log()


def test_textgen_says_what_llama_server_does_not_know_then_that_it_failed_and_stays_up(
    textgen: str, textgen_options: list[str]
) -> None:
    words = "--listen --api --nowebui --model tiny.gguf --extra-flags=--no-such-flag"
    with container(textgen, 5000, [*textgen_options, "--env", f"EXTRA_LAUNCH_ARGS={words}"]) as found:
        found.wait_until_it_answers()
        log = found.log()
    assert log.index("error: invalid argument: --no-such-flag") < log.index("Error loading the model with llama.cpp")


@pytest.mark.machines
def test_textgen_says_nothing_of_memory_and_shows_its_documents_to_anybody(
    textgen: str, textgen_options: list[str]
) -> None:
    words = "--listen --api --nowebui --model tiny.gguf --api-key secret"
    with container(textgen, 5000, [*textgen_options, "--env", f"EXTRA_LAUNCH_ARGS={words}"]) as found:
        found.wait_until_it_answers()
        opened = {path: found.ask("GET", path).status for path in ("/docs", "/openapi.json", "/v1/models")}
        assert opened == {"/docs": 200, "/openapi.json": 200, "/v1/models": 401}
        assert found.ask("GET", "/v1/internal/health").status == 401
        assert not [word for word in ("buffer size", "offloaded", "llama_kv_cache") if word in found.log()]


def test_textgen_reads_its_flags_file_and_the_command_line_wins(
    textgen: str, textgen_options: list[str], tmp_path: Path
) -> None:
    flags = tmp_path / "CMD_FLAGS.txt"
    flags.write_text(f"# ours\n--listen --api --nowebui \\\n--model '{SPACED}'\n--api-port 5009\n")
    mount = ("--volume", f"{flags}:/app/user_data/CMD_FLAGS.txt:ro")
    options = [*textgen_options, *mount, "--env", "EXTRA_LAUNCH_ARGS=--api-port 5000", "--cap-drop", "ALL"]
    with container(textgen, 5000, options) as found:
        found.wait_until_it_answers()
        assert found.ask("GET", "/v1/internal/model/info").body["model_name"] == SPACED
        assert found.stop() == 0


def test_textgen_without_listen_knows_local_names_alone(textgen: str, textgen_options: list[str]) -> None:
    probe = (
        "import http.client as h, time\n"
        "for name in ('textgen', 'localhost'):\n"
        "    c = h.HTTPConnection('127.0.0.1', 5000)\n"
        "    c.request('GET', '/v1/internal/health', headers={'Host': name + ':5000'})\n"
        "    r = c.getresponse(); print(r.status, r.read().decode())\n"
    )
    options = [*textgen_options, "--env", "EXTRA_LAUNCH_ARGS=--api --nowebui"]
    with container(textgen, 5000, options) as found:
        wait = "until (exec 3<>/dev/tcp/127.0.0.1/5000) 2>/dev/null; do sleep 0.1; done"
        docker("exec", found.name, "bash", "-c", wait)
        answers = docker("exec", found.name, "python3.13", "-c", probe).splitlines()
        assert not found.answers()
    assert answers == ['400 {"detail": "Invalid host header"}', '200 {"status": "ok"}']


def test_textgen_logs_a_failed_load_on_broken_lines_and_stays_up(textgen: str, textgen_options: list[str]) -> None:
    words = "--listen --api --nowebui --model truncated.gguf"
    with container(textgen, 5000, [*textgen_options, "--env", f"EXTRA_LAUNCH_ARGS={words}"]) as found:
        found.wait_until_it_answers()
        lines = [line.strip() for line in found.log().splitlines()]
    assert any(line.endswith("ERROR    Error loading the model with llama.cpp: Server process") for line in lines)
    assert "terminated unexpectedly with exit code: 1" in lines


def test_textgen_loses_a_context_that_is_given_with_an_equals_sign(textgen: str, textgen_options: list[str]) -> None:
    words = "--listen --api --nowebui --model tiny.gguf --ctx-size=2048 --gpu-layers 0"
    with container(textgen, 5000, [*textgen_options, "--env", f"EXTRA_LAUNCH_ARGS={words}"]) as found:
        found.wait_until_it_answers()
        assert "CONTEXT LENGTH: 8192" in found.log()


def test_textgen_has_neither_curl_nor_wget(textgen: str, textgen_options: list[str]) -> None:
    options = [*textgen_options, "--rm", "--entrypoint", "bash", textgen]
    there = docker("run", *options, "-c", "for n in bash git python3.13 curl wget; do command -v $n; done; :")
    assert [Path(line).name for line in there.splitlines()] == ["bash", "git", "python3.13"]
