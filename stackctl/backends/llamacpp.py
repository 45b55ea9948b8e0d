"""llama.cpp's server.

Sources: the official images' Dockerfile and README of ggml-org/llama.cpp (tools/server), run as build 11669.
"""

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final

from stackctl.backends import llamacpp_log
from stackctl.backends.answers import MODELS, PROPS, first_model, good, number, text, tokens
from stackctl.backends.command_line import given_flags, numbers, opens
from stackctl.backends.contract import (
    Launch,
    Program,
    Run,
    ServerInfo,
    Speaks,
    does_it_all,
    gguf_alone,
    in_the_image,
    takes_every_value,
)
from stackctl.backends.llama_arguments import LLAMA_ARGUMENTS
from stackctl.backends.llama_builds import KNOWN, OF_DEBIAN, OFFICIAL, named_build
from stackctl.backends.llama_causes import not_loaded
from stackctl.backends.llama_failures import load_ended, load_failure, refused_server_argument, signal_cause
from stackctl.backends.llama_log import load_buffer, load_progress, log_pace
from stackctl.backends.llama_offload import load_no_gpu, load_offload
from stackctl.backends.llama_timing import log_timing
from stackctl.contracts.answer import Answer
from stackctl.contracts.cause import Cause
from stackctl.contracts.json_table import parse_table, table_or_empty
from stackctl.contracts.memory import Reserves
from stackctl.contracts.request import Request
from stackctl.contracts.service import CPU, Variant
from stackctl.contracts.sleeper import TellsSleep, none_unloads
from stackctl.secret import Secret

NAME: Final[str] = "llamacpp"
ALIASES: Final[tuple[str, ...]] = ("llama.cpp",)
TITLE: Final[str] = "llama.cpp"
TAVERN_TYPE: Final[str] = "llamacpp"
PORT: Final[int] = 8080  # `launch` says so: 9931 will be the default (ggml-org/llama.cpp#26508)
USUAL_PORTS: Final[tuple[int, ...]] = (9931, 8080)
MODEL_DIR: Final = PurePosixPath("/models")
FORMATS: Final[tuple[str, ...]] = ("gguf",)
KV_TYPES: Final[tuple[str, ...]] = ("f16", "q8_0", "q4_0")  # the best of its types, and the usual ones
IMAGES: Final = OFFICIAL
OWN_IMAGES: Final[Mapping[Variant, str]] = MappingProxyType({CPU: OF_DEBIAN})
# .devops/*.Dockerfile: the server stage installs curl for its own HEALTHCHECK, with the shell of Debian or Ubuntu
IMAGE_TOOLS: Final[tuple[str, ...]] = ("curl", "sh")
PROGRAMS: Final[Mapping[str, Program]] = MappingProxyType({})
BUILDS: Final = KNOWN
build_of: Final = named_build
program: Final = in_the_image
refuses: Final = gguf_alone
RUNS_AS_ROOT: Final[bool] = False
READ_ONLY_ROOT: Final[bool] = True
GRACE_S: Final[int] = 10
# llama-server's defaults: 4 slots share one cache (--parallel), and logits are kept for the slots alone
_PROMPT_CACHE_MIB: Final = 1024  # --cache-ram
MEMORY: Final = Reserves(slots=4, logits="slots", batch=512, prompt_cache_mib=_PROMPT_CACHE_MIB)
# b9442 is before, and b9464 after ggml-org/llama.cpp#23861 (merged on 1 June 2026): until then every token of the
# micro-batch had room for its logits. #23764, three days older, halved the masks in RAM (measured there)
_FRUGAL: Final = 9464
READY: Final[Request] = Request(path="/health")
ARGUMENTS: Final = LLAMA_ARGUMENTS
SHORTENS: Final[bool] = False
_KEY_FILE: Final = "/opt/stackctl/api-key"
QUESTIONS: Final = tuple(Request(path=path) for path in (PROPS, MODELS))
SPEED: Final[Speaks] = "stream"
LOG: Final = llamacpp_log.LOG
LISTEN: Final[str] = "--host 0.0.0.0"
# tools/server/server-context.cpp of b9113, b11269 and b11434 (read), b11669 (run): what create_response(true) answers
# bypasses the sleep and its timer: /health, /props and /v1/models; /metrics as well, but not in b9113
# (ggml-org/llama.cpp#20227); /slots, /tokenize and all that computes wake it
QUIET: Final = READY
SLEEP: Final[TellsSleep] = Request(path=PROPS)
WAKE_MODEL: Final[str] = ""
check: Final = takes_every_value
# a server of one model has no request for it: only a router has (tools/server/README.md, POST /models/unload)
unload: Final = none_unloads


def reserves(build: str) -> Reserves:
    is_old = build.startswith("b") and int(build[1:]) < _FRUGAL
    return replace(MEMORY, logits="batch", mask_bytes=4) if is_old else MEMORY


def launch(run: Run) -> Launch:
    """Return the arguments of llama-server; the image's entrypoint is /app/llama-server."""
    words = ["--model", str(run.model), "--host", "0.0.0.0", "--port", str(PORT)]  # noqa: S104 - inside its container
    words += ["--ctx-size", str(run.context)]
    # one slot: more slots divide or share the context, and SillyTavern sends one request at a time
    words += ["--parallel", "1", "--no-webui"]
    # 4 shows the loader's lines on layers and memory, which 3, the default, hides (ggml-org/llama.cpp#23021); 5 shows
    # prompts
    words += ["--log-verbosity", "4"]
    # earlier prompts in RAM: up to 8 GiB by default (ggml-org/llama.cpp#16391)
    words += ["--cache-ram", str(_PROMPT_CACHE_MIB)]
    words += ["--alias", model_id(run.model.name)]
    words += ["--api-key-file", _KEY_FILE]  # one key a line
    kv_cache = run.kv_cache if run.kv_cache != "f16" else None
    words += given_flags(
        ("--gpu-layers", 0 if run.variant == CPU else run.gpu_layers),
        ("--n-cpu-moe", run.cpu_experts or None),
        ("--tensor-split", ",".join(numbers(run.split)) or None),
        ("--main-gpu", run.main_gpu or None),
        ("--cache-type-k", kv_cache),
        ("--cache-type-v", kv_cache),
        ("--flash-attn", {None: None, True: "on", False: "off"}[run.flash_attention]),
        ("--threads", run.threads),
        ("--ubatch-size", run.batch),
        ("--batch-size", run.batch),
        ("--sleep-idle-seconds", run.idle_unload_s or None),
    )
    return Launch(command=(*words, *run.extra_args), files={_KEY_FILE: Secret(f"{run.key.reveal()}\n")})


remarks: Final = does_it_all


def health(files: tuple[str, ...] = (), *, sleeps: bool = False) -> tuple[str, ...]:  # noqa: ARG001 - it is the same
    # 503 while it loads, 200 once the model answers, and while it sleeps; open even with an API key
    probe = ("curl", "-fsS", "-o", "/dev/null", f"http://127.0.0.1:{PORT}/health")
    return ("CMD", "sh", "-c", f"{opens(files)}exec {shlex.join(probe)}") if files else ("CMD", *probe)


def model_id(file_name: str) -> str:
    # --alias takes several names, separated by commas and stripped of spaces, and shows one of them
    return file_name.replace(",", "_").strip(" ")


def progress(line: str) -> str | None:
    if "llama_server: model loaded" in line or "main: model loaded" in line:
        return "model loaded"
    if "listening on http://" in line:
        return "serving"
    return load_progress(line)


buffer: Final = load_buffer
offloaded: Final = load_offload
no_gpu: Final = load_no_gpu
pace: Final = log_pace
timing: Final = log_timing


def asleep(said: str) -> bool | None:
    if "server is entering sleeping state" in said or "server is exiting sleeping state" in said:  # its log
        return "entering" in said
    found = parse_table(said).get("is_sleeping")
    return found if isinstance(found, bool) else None


def speed(said: str) -> float | None:
    # tools/server/README.md: `timings` in the last event of /completion; it gives no time for a single token
    timings = table_or_empty(parse_table(said).get("timings"))
    if number(timings.get("predicted_n")) < 2:
        return None
    return number(timings.get("predicted_per_second")) or None


def fatal(line: str) -> Cause | None:
    known = "Check `backend.extra_args` in stack.toml: the image's version decides which arguments exist."
    if cause := refused_server_argument(line, known):
        return cause
    if line.startswith("error while handling argument"):
        return Cause(
            says=f"llama-server refused an argument ({line.removeprefix('error while handling ').strip()})",
            hint="Check the section [backend] of stack.toml, `backend.extra_args` first.",
            kind="config",
            issue="argument-refused",
            source="ggml-org/llama.cpp: common/arg.cpp",
        )
    if cause := load_failure(line):
        return cause
    return not_loaded("llama-server could not load the model") if "exiting due to model loading error" in line else None


ended: Final = load_ended
exit_cause: Final = signal_cause  # its only other exit code is 1, and then the log has the cause


def recognise(answers: Mapping[str, Answer]) -> ServerInfo | None:
    # KoboldCpp has /props as well, but no /health; with an API key everything but /health asks for it
    health = answers.get(READY.path)
    if health and table_or_empty(health.table.get("error")).get("message") == "Loading model":
        return ServerInfo(is_loading=True)
    if good(answers, READY.path).get("status") != "ok":
        return None
    props = answers.get(PROPS)
    refused = table_or_empty(props.table.get("error")) if props and props.status == 401 else {}
    if refused.get("type") == "authentication_error":
        return ServerInfo(is_locked=True)
    defaults = good(answers, PROPS).get("default_generation_settings")
    if not isinstance(defaults, Mapping):
        return None
    return ServerInfo(
        model=first_model(answers),
        context=tokens(defaults.get("n_ctx")),  # the context of one slot, which is what one chat gets
        chat_template=text(good(answers, PROPS).get("chat_template")),
    )
