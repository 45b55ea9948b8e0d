"""text-generation-webui (TextGen), in Atinoda's image, which is the usual one.

Sources: modules/shared.py and modules/api of oobabooga/text-generation-webui of 2026-05 (run); the image's
docker-entrypoint.sh of 2026-04 (read). GPU code: that of llama-server from the workflow build-wheels-cuda.yml of
oobabooga/llama-cpp-binaries (llama.cpp's default for CUDA 12.4); that of the other loaders from PyTorch 2.9 for CUDA
12.8 (RELEASE.md of pytorch/pytorch), which is machine code alone.
"""

import shlex
from collections.abc import Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final

from stackctl.backends import textgen_failures, textgen_log, textgen_sleep, textgen_speed
from stackctl.backends.answers import MODELS, first_model, good
from stackctl.backends.command_line import given_flags, numbers
from stackctl.backends.contract import (
    NOT_OPENED,
    Image,
    Launch,
    Program,
    Run,
    ServerInfo,
    in_the_image,
    unknown,
)
from stackctl.backends.llama_log import load_buffer, load_progress
from stackctl.backends.llama_offload import NOT_GIVEN, load_no_gpu, load_offload
from stackctl.backends.textgen_arguments import KV_NAME, TEXTGEN_ARGUMENTS
from stackctl.contracts.answer import Answer
from stackctl.contracts.build import Build
from stackctl.contracts.cause import Cause
from stackctl.contracts.gpu_code import GpuCode
from stackctl.contracts.memory import Reserves
from stackctl.contracts.request import Request
from stackctl.contracts.service import CPU, Variant
from stackctl.contracts.sleeper import none_unloads
from stackctl.secret import Secret

NAME: Final[str] = "text-generation-webui"
ALIASES: Final[tuple[str, ...]] = ("textgen", "ooba")
TITLE: Final[str] = textgen_failures.TITLE
TAVERN_TYPE: Final[str] = "ooba"
PORT: Final[int] = 5000
USUAL_PORTS: Final[tuple[int, ...]] = (PORT,)
MODEL_DIR: Final = PurePosixPath("/app/user_data/models")
FORMATS: Final[tuple[str, ...]] = ("gguf", "safetensors")
KV_TYPES: Final = tuple(KV_NAME)
_TORCH: Final = ((7, 0), (7, 5), (8, 0), (8, 6), (9, 0), (10, 0), (12, 0))
_CODE: Final = {
    "gguf": GpuCode(oldest=(5, 0), cuda=(12, 4), ready=((8, 6), (8, 9))),
    "safetensors": GpuCode(oldest=_TORCH[0], cuda=(12, 8), ready=_TORCH, has_ptx=False),
}
IMAGES: Final[Mapping[Variant, tuple[Image, ...]]] = MappingProxyType(
    {
        CPU: (Image(name="atinoda/text-generation-webui:default-cpu"),),
        "cuda": (Image(name="atinoda/text-generation-webui:default-nvidia", code=_CODE),),
        "rocm": (Image(name="atinoda/text-generation-webui:default-rocm"),),
    }
)
OWN_IMAGES: Final[Mapping[Variant, str]] = MappingProxyType({})  # its program is in no package registry
IMAGE_TOOLS: Final[tuple[str, ...]] = ("python3.13",)
PROGRAMS: Final[Mapping[str, Program]] = MappingProxyType({})
BUILDS: Final[Mapping[str, Build]] = MappingProxyType({})
build_of: Final = unknown
program: Final = in_the_image
RUNS_AS_ROOT: Final[bool] = True
READ_ONLY_ROOT: Final[bool] = False  # it copies its own default files into /app at every start
GRACE_S: Final[int] = 10
# it starts llama-server with --parallel 1 and --ubatch-size 1024; the image decides the version of llama-server, and
# older versions keep logits for the whole batch
# Safetensors, measured by its author with Llama 2 13B on an RTX 3090 (2023), take 1.0 GiB more than the files' size
# with ExLlama, 1.4 with ExLlamaV2, 2.7 and more with AutoAWQ
MEMORY: Final = Reserves(
    logits="batch",
    batch=1024,
    base_mib=600,
    folder_mib=1434,
    gpu_alone=frozenset({"exl3"}),
    prompt_cache_mib=8192,
)
READY: Final[Request] = Request(path="/v1/internal/token-count", body='{"text":"hello"}')
ARGUMENTS: Final = TEXTGEN_ARGUMENTS
SHORTENS: Final[bool] = True
_INFO: Final = "/v1/internal/model/info"
QUESTIONS: Final = tuple(Request(path=path) for path in (_INFO, MODELS))
SPEED: Final = textgen_speed.SPEED
speed: Final = textgen_speed.speed
pace: Final = textgen_speed.speed
timing: Final = textgen_speed.timing
LOG: Final = textgen_log.LOG
LISTEN: Final[str] = "--listen"
QUIET: Final[Request] = Request(path=_INFO)
SLEEP: Final = textgen_sleep.SLEEP
WAKE_MODEL: Final[str] = ""
check: Final = textgen_sleep.check_idle
asleep: Final = textgen_sleep.asleep
unload: Final = none_unloads
_API: Final = "oobabooga/text-generation-webui: modules/api/script.py"
_FLAGS: Final = "/app/user_data/CMD_FLAGS.txt"

# only token-count tells a loaded model from a failed load; all status endpoints answer 200 in both cases.
# With an API key every endpoint asks for it, so the probe reads the key from the program's own file
_PROBE: Final = (
    "import json,shlex,urllib.request as u;"
    f"k=next(w[10:] for w in shlex.split(open('{_FLAGS}').read()) if w[:10]=='--api-key=');"
    f"r=u.Request('http://127.0.0.1:{PORT}/v1/internal/token-count',b'{{\"text\":\"hello\"}}',"
    "{'Content-Type':'application/json','Authorization':'Bearer '+k});"
    "assert json.load(u.urlopen(r,timeout=4))['length']>0"
)


# os.open, because a device file can't be sought in
_OPENS: Final = f"""import os
for f in FILES:
    if os.path.exists(f):
        try: os.close(os.open(f, os.O_RDONLY))
        except OSError as e: raise SystemExit(f"{NOT_OPENED} {{f}}: {{e.strerror}}")
"""


# packings whose loader was removed: oobabooga/textgen#7415 (March 2026), #6641 (January 2025); then those for which
# Transformers needs a package that is not in its requirements (requirements/full of May 2026, transformers 5.6)
_GONE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "exl2": "its ExLlamaV2 loader was removed in March 2026",
        "gptq": "its GPTQ loader was removed in January 2025",
        "awq": "it has no loader for AWQ",
        "fp8": "Transformers needs the package kernels for FP8, which the image lacks",
        "mlx": "only Apple's MLX loads that",
    }
)
_LACKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "aqlm": "aqlm", "auto-round": "auto-round", "compressed-tensors": "compressed-tensors", "eetq": "kernels",
        "fbgemm_fp8": "fbgemm-gpu", "fouroversix": "fouroversix", "fp_quant": "fp_quant", "higgs": "flute",
        "hqq": "hqq", "quanto": "optimum-quanto", "quark": "quark", "sinq": "sinq", "spqr": "spqr_quant",
        "vptq": "vptq",
    }
)  # fmt: skip
# Transformers loads these, and unpacks mxfp4 to 16 bits if it has no kernels for it; ExLlamaV3 loads EXL3
_LOADED: Final = frozenset({"", "bitnet", "bitsandbytes", "exl3", "mxfp4", "torchao"})


def refuses(packing: str) -> str:
    """Transformers loads plain numbers and bitsandbytes; ExLlamaV3 loads EXL3, on a GPU alone."""
    if package := _LACKS.get(packing):
        return f"Transformers needs the package {package} for that, which the image lacks"
    return _GONE.get(packing, "" if packing in _LOADED else "none of its loaders supports that")


def reserves(build: str) -> Reserves:  # noqa: ARG001 - of all builds the same is known
    return MEMORY


def launch(run: Run) -> Launch:
    """Put the flags into CMD_FLAGS.txt: the image expands EXTRA_LAUNCH_ARGS unquoted, so a name with spaces breaks."""
    name = str(run.model.relative_to(MODEL_DIR))
    words = ["--listen", "--api", "--api-port", str(PORT), "--nowebui"]
    words += [f"--model={name}"] if name.startswith("-") else ["--model", name]  # argparse reads -x as a flag
    if run.format == "gguf":
        words += ["--loader", "llama.cpp", "--ctx-size", str(run.context)]
        words += ["--cache-type", KV_NAME[run.kv_cache]]
        layers = 0 if run.variant == CPU else run.gpu_layers
        words += ["--gpu-layers", str(-1 if layers is None else layers)]
    elif run.variant == CPU:
        words += ["--cpu"]
    split = ",".join(numbers(run.split)) or None
    words += given_flags(("--threads", run.threads), ("--tensor-split", split))
    words += given_flags(("--batch-size", run.batch), ("--ubatch-size", run.batch))
    words += given_flags(("--idle-timeout", run.idle_unload_s // 60 or None))
    key = f"--api-key={run.key.reveal()}"  # one word, because a key may begin with -
    lines = [shlex.join(words), key, *([shlex.join(run.extra_args)] if run.extra_args else [])]
    # its own flag moves the experts of every block, and none names the main GPU; llama-server inherits the environment
    inherited = {"LLAMA_ARG_N_CPU_MOE": run.cpu_experts, "LLAMA_ARG_MAIN_GPU": run.main_gpu}
    if run.format == "gguf" and run.variant != CPU:
        # the lines on layers and memory, which its default hides; servers before 2026 show them, and ignore this name
        inherited["LLAMA_ARG_LOG_VERBOSITY"] = 4
    return Launch(
        environment={
            **{name: str(value) for name, value in inherited.items() if value},
            "HF_HUB_OFFLINE": "1",
            "GRADIO_ANALYTICS_ENABLED": "False",
            "COLUMNS": "400",  # by default its log breaks every line after 80 characters
        },
        files={_FLAGS: Secret("\n".join(lines) + "\n")},
    )


def remarks(run: Run) -> tuple[str, ...]:
    """Name what its loaders ignore: llama.cpp's always gets --flash-attn on; Transformers sets context and KV type."""
    if run.format == "gguf":
        return () if run.flash_attention is not False else ("text-generation-webui always uses flash attention",)
    says = "with a safetensors model text-generation-webui sets the context itself and does not quantise the KV cache"
    return (says,)


def health(files: tuple[str, ...] = (), *, sleeps: bool = False) -> tuple[str, ...]:
    probe = textgen_sleep.probe(_FLAGS, PORT) if sleeps else _PROBE
    return ("CMD", "python3.13", "-c", _OPENS.replace("FILES", repr(files)) + probe if files else probe)


def model_id(file_name: str) -> str:
    return file_name


def progress(line: str) -> str | None:
    if "Loaded " in line and " seconds" in line:
        return "model loaded"
    if "API URL" in line:
        return "serving"
    if 'Loading "' in line:
        return "loading"
    return load_progress(line)


buffer: Final = load_buffer
offloaded: Final = load_offload


def no_gpu(line: str, variant: Variant) -> Cause | None:
    # modules/transformers_loader.py, where PyTorch finds no GPU
    if "no GPU has been detected. Falling back to CPU mode" in line:
        says = "PyTorch finds no GPU in the container, and computes on the CPU"
        source = "oobabooga/text-generation-webui: modules/transformers_loader.py"
        return Cause(says=says, hint=NOT_GIVEN, kind="gpu", issue="gpu-not-in-container", source=source)
    return load_no_gpu(line, variant)


fatal: Final = textgen_failures.fatal
ended: Final = textgen_failures.ended
exit_cause: Final = textgen_failures.exit_cause


def recognise(answers: Mapping[str, Answer]) -> ServerInfo | None:
    info, count = answers.get(_INFO), answers.get(READY.path)
    if info and info.status == 400 and info.table.get("detail") == "Invalid host header":
        says = "text-generation-webui refuses requests to any host name but localhost"
        return ServerInfo(
            problem=Cause(says=says, hint=f"Start it with `{LISTEN}`.", issue="settings-wrong", source=_API)
        )
    if info and info.status == 401 and info.table.get("detail") == "Unauthorized":
        return ServerInfo(is_locked=True)
    if not {"model_name", "lora_names"} <= good(answers, _INFO).keys():
        return None
    if not count or count.status != 200:  # only this answer tells a loaded model from none or from a failed load
        says = "text-generation-webui runs, but no model is loaded in it"
        hint = "Load one in its Model tab, or start it with `--model NAME`; its log says why a load failed."
        return ServerInfo(problem=Cause(says=says, hint=hint, issue="backend-without-model", source=_API))
    return ServerInfo(model=first_model(answers))
