"""KoboldCpp.

Its official image contains no program. A helper script downloads it at every start, opens a public tunnel by default
and hides exit codes. So stackctl downloads the pinned release itself and runs it as the entrypoint.
Sources: koboldcpp.py of LostRuins/koboldcpp 1.117.1 (read) and 1.115.1 (run).
"""

import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final

from stackctl.backends import koboldcpp_failures, koboldcpp_log, koboldcpp_sleep, koboldcpp_speed
from stackctl.backends.answers import MODELS, PROPS, first_model, good, text, tokens
from stackctl.backends.command_line import given_flags, numbers, opens
from stackctl.backends.contract import Image, Launch, Run, ServerInfo, gguf_alone
from stackctl.backends.koboldcpp_arguments import BATCHES, KOBOLDCPP_ARGUMENTS, KV_NUMBER, MOST_CONTEXT, ONCE_CONTEXT
from stackctl.backends.koboldcpp_releases import (
    RELEASED,
    RELEASES,
    UNPACKED_GPU_MIB,
    UNPACKED_MIB,
    choose_release,
    release_of,
)
from stackctl.backends.llama_log import load_buffer, load_progress
from stackctl.backends.llama_offload import load_no_gpu, load_offload
from stackctl.contracts.answer import Answer
from stackctl.contracts.cause import Cause
from stackctl.contracts.host import Cpu
from stackctl.contracts.memory import Reserves
from stackctl.contracts.request import Request
from stackctl.contracts.service import CPU, Variant
from stackctl.errors import ConfigError
from stackctl.secret import Secret

NAME: Final[str] = "koboldcpp"
ALIASES: Final[tuple[str, ...]] = ()
TITLE: Final[str] = koboldcpp_failures.TITLE
TAVERN_TYPE: Final[str] = "koboldcpp"
PORT: Final[int] = 5001
USUAL_PORTS: Final[tuple[int, ...]] = (PORT,)
MODEL_DIR: Final = PurePosixPath("/models")
PROGRAM_PATH: Final = "/opt/stackctl/koboldcpp"
FORMATS: Final[tuple[str, ...]] = ("gguf",)
KV_TYPES: Final = tuple(KV_NUMBER)
# the image contains the system around the program alone; `latest` is its only published tag
_LATEST: Final = (Image(name="koboldai/koboldcpp:latest"),)
IMAGES: Final[Mapping[Variant, tuple[Image, ...]]] = MappingProxyType(
    {CPU: _LATEST, "cuda": _LATEST, "vulkan": _LATEST}
)
OWN_IMAGES: Final[Mapping[Variant, str]] = MappingProxyType(
    {CPU: "localhost/stackctl/base:1", "cuda": "localhost/stackctl/base:1"}
)
IMAGE_TOOLS: Final[tuple[str, ...]] = ("bash",)
PROGRAMS: Final = RELEASES
BUILDS: Final = RELEASED
program: Final = choose_release
build_of: Final = release_of
refuses: Final = gguf_alone
RUNS_AS_ROOT: Final[bool] = False
READ_ONLY_ROOT: Final[bool] = True
GRACE_S: Final[int] = 10
# one context; --blasbatchsize is 512 by default, and logits are kept for the whole batch
# it adds 128 cells for context shifting (gpttype_adapter.cpp), also to a sliding window (llama-kv-cache-iswa.cpp)
MEMORY: Final = Reserves(
    logits="batch",
    batch=512,
    more_context=128,
    more_window=128,
    quantises_values=False,
    copies=2,
    copied=(1, 3, 2, 2),
    reuses_masks=True,
    unpacked_mib=UNPACKED_MIB,
    unpacked_gpu_mib=UNPACKED_GPU_MIB,
)
READY: Final[Request] = Request(path="/api/v1/model")
ARGUMENTS: Final = KOBOLDCPP_ARGUMENTS
SHORTENS: Final[bool] = True
_CONFIG: Final = "/opt/stackctl/key.kcpps"
_VERSION, _CONTEXT = "/api/extra/version", "/api/extra/true_max_context_length"
QUESTIONS: Final = tuple(Request(path=path) for path in (_VERSION, _CONTEXT, MODELS, PROPS))
SPEED: Final = koboldcpp_speed.SPEED
speed: Final = koboldcpp_speed.speed
pace: Final = koboldcpp_speed.pace
timing: Final = koboldcpp_speed.timing
LOG: Final = koboldcpp_log.LOG
LISTEN: Final[str] = "--host 0.0.0.0"  # all addresses are its default
QUIET: Final = READY
SLEEP: Final = koboldcpp_sleep.SLEEP
WAKE_MODEL: Final = koboldcpp_sleep.INITIAL_MODEL
asleep: Final = koboldcpp_sleep.asleep
unload: Final = koboldcpp_sleep.unload

_SOURCE: Final = "LostRuins/koboldcpp: koboldcpp.py"
_VULKAN: Final = "vulkan"
_OTHER: Final = "`stackctl deploy --backend llamacpp`"
_CPU_LIBRARY: Final = re.compile(r"Initializing dynamic library: koboldcpp_(?:default|noavx2|failsafe)\.")
_NO_LIBRARY: Final = (
    "Remove `backend.program` from stack.toml to get stackctl's choice, or run on the CPU with `stackctl deploy --gpu "
    "none`."
)

# /api/v1/model is open with and without a password; a closed port means that the model still loads
_PROBE: Final = (
    f"exec 3<>/dev/tcp/127.0.0.1/{PORT} || exit 1; "
    r"printf 'GET /api/v1/model HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3; "
    'answer=""; while IFS= read -r -t 4 line <&3 || [[ -n "$line" ]]; do answer="$line"; done; '
    """[[ "$answer" == *'"koboldcpp/'* ]]"""
)


def check(run: Run) -> None:
    if run.context > MOST_CONTEXT:
        raise ConfigError(
            f"backend.context: KoboldCpp takes at most {MOST_CONTEXT} tokens, not {run.context}",
            hint=f"Set `backend.context = {MOST_CONTEXT}` or less, or use another backend with {_OTHER}.",
        )
    if run.batch not in {None, *BATCHES}:
        near = min(BATCHES, key=lambda one: abs(one - (run.batch or 0)))
        raise ConfigError(
            f"backend.batch: KoboldCpp takes {', '.join(map(str, BATCHES[1:]))} tokens, not {run.batch}",
            hint=f"Set `backend.batch = {near}`.",
        )
    koboldcpp_sleep.check_idle(run)


def reserves(build: str) -> Reserves:  # noqa: ARG001 - of all builds the same is known
    return MEMORY


def launch(run: Run) -> Launch:
    """Return arguments that every version from 1.76 on understands."""
    words = [
        "--model",
        str(run.model),
        "--contextsize",
        str(run.context),
        "--port",
        str(PORT),
        "--skiplauncher",
        # --password would put the key into argv; KoboldCpp prints it in its log either way
        "--config",
        _CONFIG,
    ]
    if run.variant == CPU:
        words += ["--usecpu", "--gpulayers", "0", *_for_old_cpu(run.cpu)]
    elif run.variant == _VULKAN:  # without a number it uses every separate GPU that it sees
        words += ["--usevulkan", "--gpulayers", _layers(run), *_for_old_cpu(run.cpu)]
    else:
        words += ["--usecublas", "normal", "--gpulayers", _layers(run)]
    if run.kv_cache != "f16":
        words += ["--quantkv", KV_NUMBER[run.kv_cache]]
    if run.flash_attention is not None:
        words += ["--flashattention" if run.flash_attention else "--noflashattention"]
    words += ["--tensor_split", *numbers(run.split)] if run.split else []
    words += given_flags(
        ("--threads", run.threads),
        ("--moecpu", run.cpu_experts or None),
        ("--blasbatchsize", run.batch),
        ("--maingpu", run.main_gpu or None),  # 1.76 lacks it
    )
    words += koboldcpp_sleep.idle_flags(run)
    locks = ("password", "adminpassword") if run.idle_unload_s else ("password",)
    return Launch(
        entrypoint=(PROGRAM_PATH,),
        command=(*words, *run.extra_args),
        # a PyInstaller onefile: it unpacks to TMPDIR at every start and loads libraries from there
        environment={"TMPDIR": "/tmp", "HOME": "/tmp"},  # noqa: S108 - its own tmpfs
        files={_CONFIG: Secret(json.dumps(dict.fromkeys(locks, run.key.reveal())) + "\n")},
    )


def _layers(run: Run) -> str:
    return str(-1 if run.gpu_layers is None else run.gpu_layers)


def _for_old_cpu(cpu: Cpu) -> tuple[str, ...]:
    """Return the flags that choose its CPU libraries: it looks at the processor itself only without a --use... flag."""
    if cpu.architecture != "x86_64" or cpu.avx2:
        return ()
    return ("--noavx2",) if cpu.avx else ("--noavx2", "--failsafe")


def remarks(run: Run) -> tuple[str, ...]:
    found = []
    if run.variant == CPU and (flags := _for_old_cpu(run.cpu)):
        found.append(f"this processor has no AVX2, so KoboldCpp runs much slower here ({' '.join(flags)})")
    if run.variant == _VULKAN:
        found.append("KoboldCpp finds no GPU if its image contains no Vulkan driver for it, which is not known")
    if run.context > ONCE_CONTEXT:
        found.append(f"KoboldCpp before 1.117 refuses a context over {ONCE_CONTEXT}")
    return tuple(found)


def health(files: tuple[str, ...] = (), *, sleeps: bool = False) -> tuple[str, ...]:  # noqa: ARG001 - it is the same
    # with a password it hides the model's name from the probe, asleep as well; while it loads, the router answers 502
    return ("CMD", "bash", "-c", f"{opens(files)}{_PROBE}")


def model_id(file_name: str) -> str:
    # koboldcpp.py: the stem with everything but letters, digits, _, . and - removed
    return "koboldcpp/" + re.sub(r"[^\w.-]", "", PurePosixPath(file_name).stem)


def progress(line: str) -> str | None:
    if "Load Text Model OK: True" in line:
        return "model loaded"
    if line.startswith("Loading Text Model:"):
        return "loading the model"
    if "Please connect to custom endpoint at" in line:
        return "serving"
    return load_progress(line)


buffer: Final = load_buffer
offloaded: Final = load_offload


def no_gpu(line: str, variant: Variant) -> Cause | None:
    # koboldcpp.py, init_library(): without the library for the wanted GPU it takes the one for the CPU
    if _CPU_LIBRARY.search(line) or "GPU backend was not selected" in line:
        says = "KoboldCpp computes on the CPU: its program has no library for this GPU"
        return Cause(says=says, hint=_NO_LIBRARY, kind="gpu", issue="gpu-not-used", source=_SOURCE)
    return load_no_gpu(line, variant)


fatal: Final = koboldcpp_failures.fatal
ended: Final = koboldcpp_failures.ended
exit_cause: Final = koboldcpp_failures.exit_cause


def recognise(answers: Mapping[str, Answer]) -> ServerInfo | None:
    # recorded with 1.115.1: version, context and the list of models are open with and without the password
    if good(answers, _VERSION).get("result") != "KoboldCpp":
        return None
    name = text(good(answers, READY.path).get("result"))
    if name == koboldcpp_sleep.NO_MODEL:
        hint = "Load one in its launcher or admin page, or start it with `--model FILE`."
        return ServerInfo(
            problem=Cause(
                says="KoboldCpp runs without a model", hint=hint, issue="backend-without-model", source=_SOURCE
            )
        )
    return ServerInfo(
        model=first_model(answers) or name,
        context=tokens(good(answers, _CONTEXT).get("value")),
        chat_template=text(good(answers, PROPS).get("chat_template")),  # versions before 1.102 have no /props
        is_locked=name == "koboldcpp/protected-model",
    )
