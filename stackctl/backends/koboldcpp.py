"""KoboldCpp.

Its official image carries no program: a helper script downloads it at every start, opens a public tunnel unless told
not to, and hides exit codes. So stackctl fetches the pinned release itself and runs it as the entrypoint.
Sources: koboldcpp.py of LostRuins/koboldcpp 1.117.1 (read) and 1.115.1 (run); its docker-helper.sh and koboldcpp.sh of
2026 (read) for who needs which build; sizes and hashes as the release v1.122.1 itself states them, quoted in public.
"""

import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final

from stackctl.backends.answers import MODELS, PROPS, first_model, good, number, text, tokens
from stackctl.backends.command_line import given_flags, refused_argument
from stackctl.backends.contract import (
    Image,
    Launch,
    Program,
    Request,
    Run,
    ServerInfo,
    Speaks,
    gguf_alone,
)
from stackctl.backends.koboldcpp_arguments import BATCHES, KOBOLDCPP_ARGUMENTS, KV_NUMBER, MOST_CONTEXT, ONCE_CONTEXT
from stackctl.backends.llama_failures import load_ended, load_failure, not_loaded, signal_cause
from stackctl.backends.llama_log import load_buffer, load_progress
from stackctl.contracts.answer import Answer
from stackctl.contracts.cause import Cause
from stackctl.contracts.host import Cpu
from stackctl.contracts.json_table import parse_table
from stackctl.contracts.memory import Reserves
from stackctl.contracts.service import CPU, Variant
from stackctl.errors import ConfigError, GpuError
from stackctl.secret import Secret

NAME: Final[str] = "koboldcpp"
ALIASES: Final[tuple[str, ...]] = ()
TITLE: Final[str] = "KoboldCpp"
TAVERN_TYPE: Final[str] = "koboldcpp"
PORT: Final[int] = 5001
MODEL_DIR: Final = PurePosixPath("/models")
PROGRAM_PATH: Final = "/opt/stackctl/koboldcpp"
FORMATS: Final[tuple[str, ...]] = ("gguf",)
KV_TYPES: Final = tuple(KV_NUMBER)
# the image is only the system around the program; no version of it but `latest` is published
IMAGES: Final[Mapping[Variant, Image]] = MappingProxyType(
    {
        CPU: Image(name="koboldai/koboldcpp:latest", seen=False),
        "cuda": Image(name="koboldai/koboldcpp:latest", seen=False),
    }
)
OWN_IMAGES: Final[Mapping[Variant, str]] = MappingProxyType(
    {CPU: "localhost/stackctl/base:1", "cuda": "localhost/stackctl/base:1"}
)
IMAGE_TOOLS: Final[tuple[str, ...]] = ("bash",)
_RELEASES: Final = "https://github.com/LostRuins/koboldcpp/releases/download/v"
_CUDA: Final = "1.122.1/koboldcpp-linux-x64"  # CUDA 12.1; its libraries for GPU and CPU need AVX2
_NO_CUDA: Final = "1.122.1/koboldcpp-linux-x64-nocuda"  # with libraries for processors without AVX2, too
_OLD_PC: Final = "1.122.1/koboldcpp-linux-x64-oldpc"  # CUDA 11; needs AVX alone
_OLDEST_CUDA: Final = (12, 1)
PROGRAMS: Final[Mapping[str, Program]] = MappingProxyType(
    {
        _CUDA: Program(
            version="1.122.1",
            url=_RELEASES + _CUDA,
            size=641_836_648,
            sha256="724b81ad4d0557e6cf6b1e634c1b973e9a56c0a99b5164a9cf1ecbb8c9ad53d8",
            unpacked_mib=2048,
        ),
        _NO_CUDA: Program(
            version="1.122.1",
            url=_RELEASES + _NO_CUDA,
            size=136_689_280,
            sha256="5532ead66f460a59c744fc74a45715bf2b0ef2fe2fb05a6c146a6d2df2145d29",
            unpacked_mib=512,
        ),
        _OLD_PC: Program(
            version="1.122.1",
            url=_RELEASES + _OLD_PC,
            size=0,
            sha256="",
            unpacked_mib=2048,
            remark="KoboldCpp's program for old machines (CUDA 11, AVX) is taken, which is slower: the usual one needs "
            "a processor with AVX2 and an NVIDIA driver for CUDA 12.1",
        ),
    }
)
refuses: Final = gguf_alone
RUNS_AS_ROOT: Final[bool] = False
READ_ONLY_ROOT: Final[bool] = True
GRACE_S: Final[int] = 10
# one context; --blasbatchsize is 512 by default, and logits are kept for the whole batch
MEMORY: Final = Reserves(logits="batch", batch=512)
READY: Final[Request] = Request(path="/api/v1/model")
ARGUMENTS: Final = KOBOLDCPP_ARGUMENTS
SHORTENS: Final[bool] = True
_CONFIG: Final = "/opt/stackctl/key.kcpps"
_VERSION, _CONTEXT = "/api/extra/version", "/api/extra/true_max_context_length"
QUESTIONS: Final = tuple(Request(path=path) for path in (_VERSION, _CONTEXT, MODELS, PROPS))
# open with and without the password. Its log says the same, but ends that line with the next one that it writes
SPEED: Final[Speaks] = Request(path="/api/extra/perf")
LISTEN: Final[str] = "--host 0.0.0.0"  # all addresses are its default

_LAST_WORDS: Final = "stackctl logs koboldcpp shows its last words"
# what is said of a trial, by which it chooses how much goes to the GPU, is not of the load
_GAVE_UP: Final = re.compile(r"^(?!.*params_fit).*failed to load model")

# /api/v1/model is open with and without a password; a closed port means that the model still loads
_PROBE: Final = (
    f"exec 3<>/dev/tcp/127.0.0.1/{PORT} || exit 1; "
    r"printf 'GET /api/v1/model HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3; "
    'answer=""; while IFS= read -r -t 4 line <&3 || [[ -n "$line" ]]; do answer="$line"; done; '
    """[[ "$answer" == *'"koboldcpp/'* ]]"""
)


def program(variant: Variant, cpu: Cpu, cuda: tuple[int, ...]) -> str:
    """As its official image chooses."""
    if cpu.architecture != "x86_64":
        raise ConfigError(
            f"KoboldCpp is published for x86-64 processors; this one is {cpu.architecture}",
            hint="stackctl deploy --backend llamacpp; or give a build of your own: backend.program = FILE",
        )
    if variant == CPU:
        return _NO_CUDA
    if not cpu.avx:
        raise GpuError(
            "KoboldCpp's programs for NVIDIA GPUs need a processor with AVX, which this one lacks",
            hint="run it on the CPU: stackctl deploy --gpu none; or take another: stackctl deploy --backend llamacpp",
        )
    return _CUDA if cpu.avx2 and (not cuda or cuda >= _OLDEST_CUDA) else _OLD_PC


def check(run: Run) -> None:
    if run.context > MOST_CONTEXT:
        raise ConfigError(
            f"backend.context: KoboldCpp takes at most {MOST_CONTEXT} tokens, not {run.context}",
            hint=f"set backend.context = {MOST_CONTEXT} or less; or take another: stackctl deploy --backend llamacpp",
        )
    if run.batch not in {None, *BATCHES}:
        near = min(BATCHES, key=lambda one: abs(one - (run.batch or 0)))
        raise ConfigError(
            f"backend.batch: KoboldCpp takes {', '.join(map(str, BATCHES[1:]))} tokens, not {run.batch}",
            hint=f"set backend.batch = {near}",
        )


def launch(run: Run) -> Launch:
    """Arguments that every version from 1.76 on understands."""
    words = [
        "--model",
        str(run.model),
        "--contextsize",
        str(run.context),
        "--port",
        str(PORT),
        "--skiplauncher",
        # as --password it would stand in argv; KoboldCpp prints it in its own log all the same
        "--config",
        _CONFIG,
    ]
    if run.variant == CPU:
        words += ["--usecpu", "--gpulayers", "0", *_for_old_cpu(run.cpu)]
    else:
        words += [
            "--usecublas",
            "normal",
            "--gpulayers",
            str(-1 if run.gpu_layers is None else run.gpu_layers),
        ]
    if run.kv_cache != "f16":
        words += ["--quantkv", KV_NUMBER[run.kv_cache]]
    if run.flash_attention is not None:
        words += ["--flashattention" if run.flash_attention else "--noflashattention"]
    words += given_flags(
        ("--threads", run.threads), ("--moecpu", run.cpu_experts or None), ("--blasbatchsize", run.batch)
    )
    return Launch(
        entrypoint=(PROGRAM_PATH,),
        command=(*words, *run.extra_args),
        # a PyInstaller onefile: it unpacks to TMPDIR at every start and loads libraries from there
        environment={"TMPDIR": "/tmp", "HOME": "/tmp"},  # noqa: S108 - its own tmpfs
        files={_CONFIG: Secret(json.dumps({"password": run.key.reveal()}) + "\n")},
    )


def _for_old_cpu(cpu: Cpu) -> tuple[str, ...]:
    """Which libraries to load; by itself the program looks at the processor only where no --use... is given."""
    if cpu.architecture != "x86_64" or cpu.avx2:
        return ()
    return ("--noavx2",) if cpu.avx else ("--noavx2", "--failsafe")


def remarks(run: Run) -> tuple[str, ...]:
    found = []
    if run.variant == CPU and (flags := _for_old_cpu(run.cpu)):
        found.append(f"this processor has no AVX2: KoboldCpp runs much slower here ({' '.join(flags)})")
    if run.context > ONCE_CONTEXT:
        found.append(f"KoboldCpp before 1.117 refuses a context over {ONCE_CONTEXT}")
    return tuple(found)


def health() -> tuple[str, ...]:
    return ("CMD", "bash", "-c", _PROBE)


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


def speed(said: str) -> float | None:
    # koboldcpp.py, /api/extra/perf: `last_eval` is milliseconds a token, in 1.76, too; the prompt has its own figures
    last = parse_table(said)
    per_token_ms = number(last.get("last_eval"))
    return 1000 / per_token_ms if per_token_ms and number(last.get("last_token_count")) else None


def fatal(line: str) -> Cause | None:
    if "failed to map segment from shared object" in line:
        return Cause(
            says="KoboldCpp can't load the libraries that it unpacks: its TMPDIR is mounted noexec",
            hint="see the tmpfs of this service in compose.yml or compose.override.yml: it needs `exec`",
        )
    if "Could not create temporary directory" in line:
        return Cause(
            says="KoboldCpp can't unpack itself: its TMPDIR can't be written",
            hint="see the tmpfs of this service in compose.yml or compose.override.yml",
        )
    if "No space left on device" in line or "Failed to extract" in line:
        return Cause(
            says="KoboldCpp has too little room to unpack itself",
            hint="raise the size of its /tmp in compose.override.yml",
        )
    if "kcpp config file invalid or not found" in line:
        return Cause(
            says="KoboldCpp can't read its configuration file", hint="look at backend.extra_args", kind="config"
        )
    if cause := refused_argument(line, TITLE, "program"):
        return cause
    if "Cannot find text model file" in line:
        return Cause(says="KoboldCpp does not find the model file", hint="stackctl deploy", kind="model")
    if cause := load_failure(line):
        return cause
    if "Load Text Model OK: False" in line or "Could not load text model" in line or _GAVE_UP.search(line):
        return not_loaded("KoboldCpp could not load the model")
    if "Failed to execute script" in line:  # PyInstaller, after a traceback
        return Cause(says="KoboldCpp stopped with an error", hint=_LAST_WORDS, is_generic=True)
    return None


ended: Final = load_ended


def exit_cause(code: int) -> Cause | None:
    if code == 2:  # argparse, and its own check of the model's path
        return Cause(says="KoboldCpp refused its arguments or did not find the model", hint=_LAST_WORDS, kind="config")
    if code == 3:
        return Cause(says="KoboldCpp could not load the model", hint=_LAST_WORDS, kind="model")
    if code == 139:  # 128 + SIGSEGV
        # llama.cpp gave no model and KoboldCpp used it all the same: damaged, unknown, or too little memory for it
        return Cause(says="KoboldCpp crashed while it loaded the model", hint=_LAST_WORDS, kind="model")
    return signal_cause(code)


def recognise(answers: Mapping[str, Answer]) -> ServerInfo | None:
    # recorded with 1.115.1: version, context and the list of models are open with and without the password
    if good(answers, _VERSION).get("result") != "KoboldCpp":
        return None
    name = text(good(answers, READY.path).get("result"))
    if name == "inactive":
        hint = "load one in its launcher or admin page, or start it with --model"
        return ServerInfo(problem=Cause(says="KoboldCpp runs without a model", hint=hint))
    return ServerInfo(
        model=first_model(answers) or name,
        context=tokens(good(answers, _CONTEXT).get("value")),
        chat_template=text(good(answers, PROPS).get("chat_template")),  # versions before 1.102 have no /props
        is_locked=name == "koboldcpp/protected-model",
    )
