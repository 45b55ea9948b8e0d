"""Why a service failed: its own module reads its log, its end tells the rest."""

from dataclasses import replace

import pytest

from stackctl.backends import BACKENDS
from stackctl.backends.contract import NOT_OPENED
from stackctl.core.observed import ServiceState
from stackctl.core.start.judges import JUDGES, find_judge
from stackctl.core.start.readiness import backend_waits, evidence, failure, trouble
from stackctl.errors import ConfigError, DoesNotFit, GpuError, ModelError, NotReady, StackctlError
from tests.core.start.scripted import BACKEND, PAGE, service

UNKNOWN_ARGUMENT = "error: invalid argument: --no-such-flag"
INSECURE = "Your current SillyTavern configuration is insecure (listening to non-localhost)."
NOT_WRITTEN = "Error: EACCES: permission denied, open '/home/node/app/data/x'"


@pytest.mark.parametrize(
    ("state", "error", "says", "advice"),
    [
        pytest.param(
            service(BACKEND, "exited", oom_killed=True, exit_code=137),
            DoesNotFit,
            "killed because it used more memory than its limit",
            "lower `backend.context`",
            id="oom",
        ),
        pytest.param(
            service(PAGE, "exited", oom_killed=True, exit_code=137),
            DoesNotFit,
            "killed because it used more memory than its limit",
            "Raise its memory limit under [limits] in stack.toml.",
            id="oom-of-the-page",
        ),
        pytest.param(
            service(BACKEND, "exited", exit_code=137),
            NotReady,
            "killed from outside (signal 9); the engine reports no lack of memory",
            "Run `stackctl start` to start it again.",
            id="137",
        ),
        pytest.param(
            service(BACKEND, "exited", exit_code=127),
            ConfigError,
            "its image image-of-llamacpp has no program that runs on this machine",
            "Check its image in stack.toml",
            id="127",
        ),
        pytest.param(
            service(PAGE, "exited", exit_code=126),
            ConfigError,
            "its image image-of-sillytavern has no program that runs on this machine",
            "stackctl logs sillytavern",
            id="126",
        ),
        pytest.param(
            service(BACKEND, health="unhealthy"),
            NotReady,
            "runs, but never answered its health check",
            "stackctl logs llamacpp",
            id="unhealthy",
        ),
        pytest.param(
            service(BACKEND, "created", error="exec: no such file"),
            NotReady,
            "did not start: exec: no such file",
            "stackctl start",
            id="not-started",
        ),
        pytest.param(
            service(BACKEND, "restarting", exit_code=9),
            NotReady,
            "ended by itself (exit code 9)",
            "stackctl logs llamacpp",
            id="ended",
        ),
    ],
)
def test_the_end_of_a_container_tells_where_its_log_does_not(
    state: ServiceState, error: type[StackctlError], says: str, advice: str
) -> None:
    found = failure(state, ("giving up",))
    assert type(found) is error
    assert found.message == f"{state.name}: {says}"
    assert advice in found.hint
    assert found.evidence == ("giving up",)


def test_the_log_comes_first_but_for_a_kill_by_the_memory_limit() -> None:
    assert type(failure(service(BACKEND, "exited", exit_code=137), (UNKNOWN_ARGUMENT,))) is ConfigError
    killed = service(BACKEND, "exited", exit_code=137, oom_killed=True)
    assert type(failure(killed, (UNKNOWN_ARGUMENT,))) is DoesNotFit


@pytest.mark.parametrize("name", [BACKEND, PAGE])
def test_who_was_killed_by_hand_is_told_nothing_of_memory(name: str) -> None:
    went_on_after = ("allocating 9.00 MiB on device 0: cudaMalloc failed: out of memory", NOT_WRITTEN)
    found = failure(service(name, "exited", exit_code=137), went_on_after)
    assert type(found) is NotReady
    assert "killed from outside" in found.message
    assert "backend.context" not in found.hint


def test_of_the_page_that_used_too_much_memory_the_context_is_no_matter() -> None:
    found = failure(service(PAGE, "exited", oom_killed=True, exit_code=137), ())
    assert "context" not in found.hint


@pytest.mark.parametrize(
    ("line", "error", "says", "advice"),
    [
        (
            INSECURE,
            ConfigError,
            "SillyTavern refuses its configuration: it listens with neither a whitelist nor a password",
            "compose.override.yml",
        ),
        ("YAMLException: unexpected end", ConfigError, "SillyTavern can't read its config.yaml", "config.yaml"),
        ("Failed to read config.yaml", ConfigError, "SillyTavern can't read its config.yaml", "config.yaml"),
        (NOT_WRITTEN, ConfigError, f"SillyTavern can't write its own files ({NOT_WRITTEN})", "sillytavern.uid"),
        ("EROFS: read-only file system", ConfigError, "SillyTavern can't write its own files", "sillytavern.uid"),
        ("ENOSPC: no space left on device", NotReady, "SillyTavern found the disk full", "Free some space"),
    ],
)
def test_sillytavern_s_own_lines_tell_why_it_ended(
    line: str, error: type[StackctlError], says: str, advice: str
) -> None:
    found = failure(service(PAGE, "exited", exit_code=1), ("starting", line, "bye"))
    assert type(found) is error
    assert found.message.startswith(f"sillytavern: {says}")
    assert advice in found.hint
    assert line in found.evidence


@pytest.mark.parametrize("line", [NOT_WRITTEN, "EROFS: read-only file system", "ENOSPC: no space left on device"])
def test_of_files_that_it_can_do_without_sillytavern_writes_the_same_and_runs_on(line: str) -> None:
    judge = find_judge(PAGE)
    assert judge.fatal(line) is None
    assert judge.ended(line)


def test_a_service_is_judged_by_its_own_words_alone() -> None:
    """As a relay for another program: it may well write EACCES, and it is no SillyTavern for that."""
    for name in ("api", BACKEND):
        found = failure(service(name, "exited", exit_code=1), (INSECURE, NOT_WRITTEN))
        assert found.message == f"{name}: ended by itself (exit code 1)"
    found = failure(service(PAGE, "exited", exit_code=1), (UNKNOWN_ARGUMENT,))
    assert found.message == "sillytavern: ended by itself (exit code 1)"


def test_every_backend_and_sillytavern_have_a_judge_and_what_nobody_knows_has_a_neutral_one() -> None:
    assert {*BACKENDS, PAGE} <= JUDGES.keys()
    judge = find_judge("voices")
    assert judge.fatal(INSECURE) is judge.ended(NOT_WRITTEN) is judge.exit_cause(137) is None


def test_a_backend_s_exit_code_tells_where_its_log_does_not_and_only_once_it_has_ended() -> None:
    found = failure(service("koboldcpp", "exited", exit_code=3), ("loading",))
    assert type(found) is ModelError
    assert found.message == "koboldcpp: KoboldCpp could not load the model"
    assert type(failure(service("koboldcpp", health="unhealthy", exit_code=3), ())) is NotReady


def test_a_device_file_that_can_not_be_opened_is_the_cause_and_the_hint_is_the_make_s() -> None:
    lost = replace(
        service(BACKEND, health="unhealthy"),
        health_output=f"sh: 1: cannot open /dev/nvidiactl: Operation not permitted\n{NOT_OPENED} /dev/nvidiactl\n",
    )
    for error in (failure(lost, ()), failure(lost, (GENERIC,)), trouble(lost, ())):
        assert isinstance(error, GpuError)
        assert error.message == "llamacpp: it has lost the GPU: its container can't open /dev/nvidiactl"
        assert "stackctl restart" in error.hint
        assert "native.cgroupdriver=cgroupfs" in error.hint
    assert trouble(replace(lost, health="healthy"), ()) is None


@pytest.mark.parametrize("output", ["", "curl: (7) no", f"{NOT_OPENED} /dev/other", f"{NOT_OPENED} /etc/passwd"])
def test_no_other_output_of_a_health_check_is_taken_for_a_lost_gpu(output: str) -> None:
    assert type(failure(replace(service(BACKEND, health="unhealthy"), health_output=output), ())) is NotReady


GENERIC = "0.00.015.536 E srv  llama_server: exiting due to model loading error"
TENSOR = "llama_model_load: error loading model: missing tensor 'blk.40.ssm_conv1d.weight'"
OUT = "allocating 9513.34 MiB on device 0: cudaMalloc failed: out of memory"


@pytest.mark.parametrize("between", [0, 400])
@pytest.mark.parametrize(("line", "error"), [(TENSOR, ModelError), (OUT, DoesNotFit), (UNKNOWN_ARGUMENT, ConfigError)])
def test_a_line_that_says_why_counts_before_one_that_says_no_more_than_that_it_failed(
    line: str, error: type[StackctlError], between: int
) -> None:
    quiet = ("load: control token: 216 is not marked as EOG",) * between
    for log in ((line, *quiet, GENERIC), (GENERIC, *quiet, line)):
        found = failure(service(BACKEND, "exited", exit_code=1), log)
        assert type(found) is error
        assert line in found.evidence


def test_the_first_of_several_true_lines_is_the_cause() -> None:
    log = (TENSOR, "CUDA error: out of memory", GENERIC)
    assert "lacks a tensor" in failure(service(BACKEND, "exited", exit_code=1), log).message


def test_a_box_around_a_traceback_is_taken_away_and_its_last_line_is_the_cause() -> None:
    width = 400
    box = (
        "╭" + " Traceback (most recent call last) ".center(width - 2, "─") + "╮",
        "│" + " /app/modules/models.py:94 in load_model".ljust(width - 2) + "│",
        "│" + " ❱ 1364 │   │   │   raise ValueError(".ljust(width - 2) + "│",
        "╰" + "─" * (width - 2) + "╯",
        "│"
        + " ValueError: The checkpoint you are trying to load has model type `nosuch` but Transformers does not "
        "recognize this architecture. This could be because of an issue with the checkpoint".ljust(width - 2)
        + "│",
    )
    found = failure(service("text-generation-webui", "exited", exit_code=1), box)
    assert type(found) is ModelError
    assert found.message.startswith(
        "text-generation-webui: its loader says: The checkpoint you are trying to load has model type `nosuch`"
    )
    assert "backend.image" in found.hint
    assert len(found.message) < 400
    assert found.evidence[:2] == ("/app/modules/models.py:94 in load_model", "❱ 1364 │   │   │   raise ValueError(")
    assert len(found.evidence) == 3


def test_the_lines_around_the_first_fatal_one_are_shown_else_the_last() -> None:
    judge = find_judge(BACKEND)
    quiet = tuple(f"line {number}" for number in range(20))
    assert evidence(quiet, judge) == quiet[-8:]
    assert evidence((*quiet, " ", UNKNOWN_ARGUMENT, "one", "two", "three"), judge) == (
        *quiet[-5:],
        UNKNOWN_ARGUMENT,
        "one",
        "two",
    )
    assert evidence((UNKNOWN_ARGUMENT, *quiet), judge) == (UNKNOWN_ARGUMENT, *quiet[:7])


@pytest.mark.parametrize(
    ("state", "says", "waits"),
    [
        (service(BACKEND, health="starting"), "loading the model 43 %", "loading the model 43 %"),
        (service(BACKEND, health="starting"), "", "starting"),
        (service(BACKEND, "created"), "", "starting"),
        (service(BACKEND, health="healthy"), "loading the model 99 %", ""),
        (service(PAGE, health="starting"), "", ""),  # the backend runs elsewhere
    ],
)
def test_what_the_backend_is_at_is_said_until_it_is_ready(state: ServiceState, says: str, waits: str) -> None:
    assert backend_waits(BACKEND, {state.name: state}, {BACKEND: says} if says else {}) == waits
