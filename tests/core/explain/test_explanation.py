"""A log gets the cause that stands in it; nothing is guessed."""

import ast
import json
from collections import Counter
from pathlib import Path

import pytest

from stackctl.backends import BACKENDS
from stackctl.commands.explain import explain_log
from stackctl.commands.explain import logs as known_logs
from stackctl.contracts.signature import Signature
from stackctl.core.explain.log_text import LogText
from stackctl.core.start import docker_errors
from stackctl.issues import ISSUES
from stackctl.report.explain import explained
from tests.backends import logs, test_causes
from tests.core.explain.rows import HERE, Row, explanation, rows, verdict

PACKAGE = Path(__file__).parents[3] / "stackctl"
SIGNATURES = [(one.program, sig) for one in known_logs() for sig in one.signatures]
OOM = "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 9513 MiB on device 0: cudaMalloc failed: out of memory"
LOADED = "0.00.049.343 I srv  llama_server: model loaded"


@pytest.mark.parametrize("row", [*rows("known.txt")], ids=lambda row: row.address)
def test_a_line_of_a_public_thread_is_called_what_it_is(row: Row) -> None:
    assert verdict(row) == "right", (row.issues, explanation(row.text))


@pytest.mark.parametrize("name", ["held_out.txt", "unseen.txt", "second.txt"])
def test_of_logs_collected_before_their_signatures_most_are_right_and_hardly_one_is_wrong(name: str) -> None:
    found = Counter(map(verdict, rows(name)))
    assert found["right"] >= 0.8 * found.total()
    assert found["wrong"] <= 0.02 * found.total()


def test_the_tables_are_large_enough_to_tell() -> None:
    assert sum(1 for name in ("known.txt", "held_out.txt", "unseen.txt", "second.txt") for _ in rows(name)) >= 150


HEALTHY = {
    "llama-server": logs.SERVER,
    "the loader": logs.LOADER + LOADED,
    "a second try": logs.LOADER + logs.SECOND_TRY + LOADED,
    "KoboldCpp": logs.KOBOLDCPP,
    "text-generation-webui": logs.TEXTGEN + logs.GENERATED,
    "a trial that stands back": f"{logs.STANDS_BACK}\n{LOADED}",
    **{path.stem: path.read_text(encoding="utf-8") for path in sorted((HERE / "healthy").glob("*.log"))},
}


@pytest.mark.parametrize("name", HEALTHY)
def test_in_a_log_of_a_good_run_no_failure_stands(name: str) -> None:
    found = explanation(HEALTHY[name])
    assert found.state == "healthy", found


@pytest.mark.parametrize("name", HEALTHY)
def test_no_line_of_a_good_run_is_explained_as_a_cause(name: str) -> None:
    for line in HEALTHY[name].splitlines():
        found = explanation(line)
        assert found.state != "explained" or "out of memory" in line, found


# -- which cause counts


def test_what_stackctl_printed_is_explained_by_the_issue_that_it_names() -> None:
    text = "error: m.gguf is cut short: 100 bytes of at least 200\nhint: h\nmore: `stackctl explain model-damaged`"
    found = explanation(text)
    assert found.found
    assert (found.state, found.found.program, found.found.cause.issue) == ("explained", "stackctl", "model-damaged")


def test_the_log_that_stackctl_quotes_takes_precedence_over_the_issue_that_it_names() -> None:
    quoted = "  | llama_model_load: error loading model: unknown model architecture: 'qwen9'"
    found = explanation(f"error: it fails\n{quoted}\nmore: `stackctl explain model-too-new`").found
    assert found
    assert (found.program, found.line) == ("llama.cpp", 2)


def test_an_empty_text_is_called_empty_and_not_well() -> None:
    text, _ = explained(explain_log(LogText(name="stdin", head="\n")))
    assert text.startswith("the text is empty")


def test_the_line_that_says_why_wins_over_the_generic_one_that_follows() -> None:
    found = explanation(
        "llama_model_load: error loading model: unknown model architecture: 'qwen9'\n"
        "llama_model_load_from_file_impl: failed to load model\nmain: exiting due to model loading error"
    )
    assert found.found
    assert (found.state, found.found.cause.issue, found.found.line) == ("explained", "model-too-new", 1)


def test_a_log_that_says_only_that_something_failed_is_not_known() -> None:
    found = explanation("srv    load_model: failed to load model\nmain: exiting due to model loading error")
    assert found.state == "unknown"
    assert found.found
    assert found.found.cause.is_generic


def test_an_unknown_failure_is_called_so_with_its_last_lines_that_look_like_errors() -> None:
    text = "Welcome to KoboldCpp - Version 9\nLoading\nError: the flux capacitor is invalid\nbye"
    found = explanation(text)
    assert (found.state, found.found, [one.number for one in found.suspicious]) == ("unknown", None, [3])


def test_a_failure_after_which_the_program_started_well_is_over() -> None:
    assert explanation(f"build: 1\n{OOM}").state == "explained"
    assert explanation(f"build: 1\n{OOM}\nbuild: 1\n{LOADED}").state == "healthy"


def test_of_several_starts_the_last_one_counts() -> None:
    found = explanation(
        f"build: 1\nllama-server\n{OOM}\n"
        "build: 1\nllama_model_load: error loading model: invalid split file name: a.gguf"
    )
    assert found.found
    assert found.found.cause.issue == "model-parts-wrong"


def test_where_only_compose_is_recognised_the_programs_are_asked_too() -> None:
    lost = (
        "error while loading shared libraries: libgomp.so.1: cannot open shared object file: No such file or directory"
    )
    found = explanation(f"Attaching to x-1\nx-1  | /server: {lost}\nx-1 exited with code 127").found
    assert found
    assert found.cause.issue == "program-incomplete"


def test_memory_that_a_second_try_did_without_is_no_cause() -> None:
    tried = (
        f"0.01 E {OOM}\n0.01 W sched_reserve: compute buffer allocation failed, retrying without pipeline parallelism"
    )
    assert explanation(f"srv  x\n{tried}").state == "explained"
    assert explanation(f"srv  x\n{tried}\n0.02 I srv    load_model: initializing, n_slots = 1").state == "healthy"


def test_a_configuration_that_sillytavern_starts_without_is_a_cause() -> None:
    found = explanation("Failed to read config.yaml\nSillyTavern is listening on: http://127.0.0.1:8000/").found
    assert found
    assert found.cause.issue == "sillytavern-settings-refused"


def test_that_one_service_started_well_hides_no_failure_of_another() -> None:
    found = explanation(
        "koboldcpp-1  | Welcome to KoboldCpp - Version 9\nkoboldcpp-1  | Error: the flux capacitor is invalid\n"
        "koboldcpp-1 exited with code 1\nsillytavern-1  | SillyTavern is listening on IPv4: 0.0.0.0:8000"
    )
    assert found.state == "unknown"
    assert "Error: the flux capacitor is invalid" in [one.text for one in found.suspicious]


def test_a_further_cause_is_named_too() -> None:
    found = explanation(
        f"build: 1\nllama-server\n{OOM}\nE srv  send_error: request (9000 tokens) exceeds the available context size"
    )
    assert found.found
    assert found.found.cause.issue == "gpu-memory-too-small"
    assert [one.cause.issue for one in found.further] == ["context-exceeded"]


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("line", [line for _, line, _, _ in (*test_causes.LOADER, *test_causes.MAY_GO_ON)])
def test_what_deploy_reads_in_a_line_is_what_explain_reads_in_it(name: str, line: str) -> None:
    backend, found = BACKENDS[name], explanation(line).found
    cause = backend.fatal(line) or backend.ended(line)
    assert cause
    assert found
    assert (found.cause.issue, found.cause.says) == (cause.issue, cause.says)


REFUSED = (
    "Bind for 0.0.0.0:8000 failed: port is already allocated",
    "invalid pool request: Pool overlaps with other one on this address space",
    "numerical result: 172.20.0.0/16 is already used on the host or by another config",
    "bind source path does not exist: /srv/a",
    "write /var/lib/docker/tmp/a: no space left on device",
    "Error response from daemon: No such image: a:1",
    "Minimum memory limit allowed is 6MB",
    "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler",
    'could not select device driver "nvidia" with capabilities: [[gpu]]',
)


@pytest.mark.parametrize("line", REFUSED)
def test_what_deploy_reads_in_words_of_the_engine_is_what_explain_reads_in_them(line: str) -> None:
    found = explanation(line).found
    assert found
    assert found.cause.issue == docker_errors.from_output([line], 1).issue


def test_a_model_whose_name_imitates_a_failure_is_none() -> None:
    quoting = "llama_model_loader: - kv   2:                               general.name str              = %s"
    assert explanation(f"{quoting % 'CUDA error: out of memory'}\n{LOADED}").state == "healthy"


# -- what other programs put around a line

LINE = "ggml_cuda_init: failed to initialize CUDA: unknown error"
AROUND = {
    "docker compose logs": f"koboldcpp-1  | {LINE}",
    "docker compose logs -t": f"koboldcpp-1  | 2026-01-02T03:04:05.123456789Z {LINE}",
    "docker logs -t": f"2026-01-02T03:04:05.123456789Z {LINE}",
    "the journal": f"Nov 30 12:00:00 host koboldcpp[12]: {LINE}",
    "the json-file driver": json.dumps({"log": LINE + "\n", "stream": "stderr", "time": "2026-01-02T03:04:05Z"}),
    "colours": f"\x1b[36mkoboldcpp-1  | \x1b[0m\x1b[31m{LINE}\x1b[0m",
    "Windows": f"{LINE}\r\n",
    "a quotation": f"> {LINE}",
    "a router's child": f"[52717] {LINE}",
    "a box": f"│ {LINE}          │",
}


@pytest.mark.parametrize("around", AROUND)
def test_a_line_is_found_whatever_stands_around_it(around: str) -> None:
    found = explanation(AROUND[around]).found
    assert found
    assert (found.cause.issue, found.text) == ("gpu-driver-missing", LINE)


def test_a_service_is_named_as_compose_names_it() -> None:
    found = explanation(AROUND["docker compose logs"]).found
    assert found
    assert found.service == "koboldcpp-1"


def test_a_record_that_was_wrapped_at_80_columns_is_one_line() -> None:
    found = explanation(
        "12:00:00-123456 ERROR    Error loading the model with llama.cpp: Server process\n"
        "                         terminated unexpectedly with exit code: -4\n"
    ).found
    assert found
    assert found.cause.issue == "processor-lacks-instructions"


# -- the tables


@pytest.mark.parametrize(("program", "signature"), SIGNATURES, ids=lambda one: str(one)[:60])
def test_a_signature_names_an_issue_and_a_source(program: str, signature: Signature) -> None:
    assert signature.cause.issue in ISSUES, program
    assert signature.cause.source
    assert all(len(mark) > 2 for mark in signature.marks)


def test_every_cause_of_the_program_names_an_issue_and_a_source() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Cause":
                given = {one.arg: one.value for one in node.keywords}
                assert {"issue", "source"} <= given.keys(), f"{path.name}:{node.lineno}"
                issue = given["issue"]
                assert not isinstance(issue, ast.Constant) or issue.value in ISSUES, f"{path.name}:{node.lineno}"


# -- hostile input


def test_a_line_of_any_length_and_of_any_bytes_is_read() -> None:
    text = "\x00" * 1000 + "\x1b]0;title\x07" + "a" * 20_000_000 + "\n" + OOM
    assert explanation(text).found


@pytest.mark.parametrize(
    "piece",
    ['exec: "' * 900, "dial tcp: lookup " * 400, "error: " * 900, "x509: " + "a" * 3000, "| " * 2000, "(" * 4000],
)
def test_no_pattern_takes_long_on_a_line_that_almost_matches(piece: str) -> None:
    everything = piece + " ".join(mark for _, one in SIGNATURES for mark in one.marks)[:3000]
    explanation("\n".join(f"{everything}{number}" for number in range(20)))


def test_more_lines_than_are_read_are_cut_in_the_middle() -> None:
    done = explain_log(LogText(name="a.log", head="\n".join(map(str, range(200_000))), tail=f"{OOM}\nend"))
    assert done.lines <= 24_000
    assert done.explanation.found
    assert done.explanation.found.line == 0
