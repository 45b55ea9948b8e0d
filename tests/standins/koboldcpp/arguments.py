"""Part of the stand-in for KoboldCpp, for tests, never what a user gets: its command line.

Names, aliases, choices and defaults are those of 1.117.1 (the end of its koboldcpp.py), but for the largest context;
what they do is imitated only where program.py and generation.py use them.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from typing import Any, Final

PORT: Final = 5001
CONTEXT: Final = 12288
LARGEST_CONTEXT: Final = 262144  # of 1.115.1; 1.117.1 takes twice as many
QUEUE: Final = 10

_SWITCHES: Final = """
--launch --version --autofit,--fit,-fit --cli --enableguidance --failsafe --foreground --gendefaultsoverwrite
--highpriority --ignoremissing --jinja --jinja_tools,--jinja-tools,--jinjatools
--lowvram,-nkvo,--no-kv-offload --mmprojcpu,--no-mmproj-offload --multiplayer --nocertify --nofastforward
--noflashattention,--no-flash-attn,-nofa --noavx2 --nobostoken --nommq --nomodel --nopipelineparallel
--noshift,--no-context-shift --noswa,--swa-full --allow-config-onready --quiet --remotetunnel --singleinstance
--smartcontext --usemtp --usemlock,--mlock --websearch --sdflashattention --sdoffloadcpu --ttsgpu
--musiclowvram --embeddingsgpu --admin --routermode --autoswapmode --pipelineparallel --sdnotile --sdvaecpu --sdclipgpu
--forceversion --sdgendefaults --flashattention,--flash-attn,-fa --useswa --testmemory
"""
_TEXTS: Final = """
--host --analyze --device,-dev --downloaddir --draftmodel,--model-draft,-md --exportconfig --exporttemplate
--gendefaults --jinja_kwargs,--jinja-kwargs,--jinjakwargs,--chat-template-kwargs
--jinjatemplate,--chat-template-file --mcpfile --mmproj --onready --overridekv,--override-kv
--overridetensors,--override-tensor,-ot --preloadstory --prompt,-p --savedatafile --unpack --hordemodelname
--hordeworkername --hordekey --sdaudiovae --sdclip1,--sdclipl --sdclip2,--sdclipg --sdmodel --sdphotomaker
--sdt5xxl --sdupscaler --whispermodel --ttsmodel --ttswavtokenizer --ttsdir --musicllm --musicembeddings
--musicdiffusion --musicvae --embeddingsmodel --rpcdevice --admindir --baseconfig
"""
_NUMBERS: Final[Mapping[str, int]] = {
    "--autofitpadding": 1024,
    "--blasthreads,--batchthreads,--threadsbatch,--threads-batch": 0,
    "--draftamount,--draft-max,--draft-n,--spec-draft-n-max": 8,
    "--draftgpulayers,--gpu-layers-draft,--n-gpu-layers-draft,-ngld": 999,
    "--genlimit,--promptlimit": 0,
    "--maingpu,--main-gpu,-mg": -1,
    "--maxrequestsize": 32,
    "--moeexperts": -1,
    "--overridenativecontext": 0,
    "--ratelimit": 0,
    "--swapadding": 0,
    "--visionmaxres": 1024,
    "--visionmaxtokens,--image-max-tokens": -1,
    "--visionmintokens,--image-min-tokens": -1,
    "--hordemaxctx": 0,
    "--hordegenlen": 0,
    "--sdclampedsoft": 0,
    "--sdthreads": 0,
    "--sdtiledvae": 768,
    "--sdvramlimit": 0,
    "--ttsmaxlen": 4096,
    "--ttsthreads": 0,
    "--embeddingsmaxctx": 0,
    "--adminunloadtimeout": 0,
    "--reqtimeout": 600,
}
_OPTIONAL_NUMBERS: Final[Mapping[str, tuple[int, int]]] = {  # (bare, absent)
    "--gpulayers,--gpu-layers,--n-gpu-layers,-ngl": (1, -1),
    "--debugmode": (1, 0),
    "--moecpu,--n-cpu-moe,-ncmoe": (999, 0),
    "--multiuser": (QUEUE, QUEUE),
    "--smartcache": (1, 0),
    "--sdclamped": (512, 0),
}
_CHOICES: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "--jinjathink": (("default", "true", "false"), "default"),
    "--quantkv": (("f16", "bf16", "q8_0", "q5_1", "q4_0", "0", "1", "2", "3"), "f16"),
    "--reasoningeffort": (("default", "none", "low", "medium", "high"), "default"),
    "--splitmode,-sm,--split-mode": (("layer", "row", "tensor"), "layer"),
    "--sdconvdirect": (("off", "vaeonly", "full"), "off"),
    "--rpcmode": (("disabled", "connect", "host"), "disabled"),
}
_CUDA_WORDS: Final = ("0", "1", "2", "3", "all", "mmq", "nommq", "normal", "lowvram", "rowsplit")
_BATCHES: Final = (-1, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)


def _between(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError("must be a valid <class 'int'>") from error
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"must be within [{low}, {high}]")
        return number

    return parse


def default_threads() -> int:
    half = max((os.cpu_count() or 1) // 2, 1)
    return min(half if half <= 3 else max(3, half - 1), 64)


def parser(version: str) -> argparse.ArgumentParser:
    """The whole command line; what it does not know ends with argparse's message and exit code 2."""
    made = argparse.ArgumentParser(description=f"KoboldCpp Server - Version {version}")
    _backend(made)
    _model_and_port(made)
    for names in _SWITCHES.split():
        made.add_argument(*names.split(","), action="store_true")
    for names in _TEXTS.split():
        made.add_argument(*names.split(","), default="")
    for names, number in _NUMBERS.items():
        made.add_argument(*names.split(","), type=int, default=number)
    for names, (bare, absent) in _OPTIONAL_NUMBERS.items():
        made.add_argument(*names.split(","), nargs="?", const=bare, type=int, default=absent)
    for names, (choices, choice) in _CHOICES.items():
        made.add_argument(*names.split(","), choices=choices, default=choice)
    _special(made)
    _exclusive(made)
    return made


def _backend(made: argparse.ArgumentParser) -> None:
    group = made.add_mutually_exclusive_group()
    group.add_argument("--usecuda", "--usecublas", "--usehipblas", nargs="*", choices=_CUDA_WORDS)
    group.add_argument("--usevulkan", nargs="*", type=int)
    group.add_argument("--usecpu", action="store_true")
    group.add_argument("--noblas", action="store_true", help=argparse.SUPPRESS)


def _model_and_port(made: argparse.ArgumentParser) -> None:
    model = made.add_mutually_exclusive_group()
    model.add_argument("--model", "-m", nargs="+", default=[])
    model.add_argument("model_param", nargs="?")
    port = made.add_mutually_exclusive_group()
    port.add_argument("--port", type=int, default=PORT)
    port.add_argument("port_param", type=int, nargs="?", default=PORT)


def _special(made: argparse.ArgumentParser) -> None:
    made.add_argument("--config", nargs=1)
    made.add_argument("--contextsize", "--ctx-size", "-c", type=_between(256, LARGEST_CONTEXT), default=CONTEXT)
    made.add_argument("--tensor_split", "--tensorsplit", "--tensor-split", "-ts", type=float, nargs="+")
    made.add_argument("--draftgpusplit", type=float, nargs="+")
    made.add_argument("--threads", "-t", type=int, default=default_threads())
    made.add_argument("--batchsize", "--blasbatchsize", "--batch-size", "-b", type=int, choices=_BATCHES, default=512)
    made.add_argument("--benchmark", nargs="?", const="stdout")
    made.add_argument("--chatcompletionsadapter", default="AutoGuess")
    made.add_argument("--defaultgenamt", type=_between(64, 32768), default=2048)
    made.add_argument("--parallelrequests", "--continuous-batching", "--contbatch", type=_between(0, 32), default=1)
    made.add_argument("--ropeconfig", type=float, nargs="+", default=[0.0, 10000.0])
    made.add_argument("--lora", nargs="+")
    made.add_argument("--loramult", type=float, default=1.0)
    made.add_argument("--password", default=os.environ.get("KCPP_PASSWORD"))
    made.add_argument("--adminpassword", default=os.environ.get("KCPP_ADMINPASSWORD"))
    made.add_argument("--ssl", nargs="+")
    made.add_argument("--sdclipdevice")
    made.add_argument("--sdvaedevice")
    made.add_argument("--sdmaingpu")
    made.add_argument("--sdloramult", type=float, nargs="+", default=[1.0])
    made.add_argument("--rpchost", default="0.0.0.0")  # noqa: S104  the official default
    made.add_argument("--hordeconfig", nargs="+")
    made.add_argument("--sdconfig", nargs="+")


def _exclusive(made: argparse.ArgumentParser) -> None:
    pairs: tuple[tuple[tuple[tuple[str, ...], dict[str, Any]], ...], ...] = (
        ((("--usemmap",), {"action": "store_true"}), (("--nommap", "--no-mmap"), {"action": "store_true"})),
        ((("--showgui",), {"action": "store_true"}), (("--skiplauncher",), {"action": "store_true"})),
        (
            (("--sdlora",), {"nargs": "+"}),
            (("--sdquant",), {"type": int, "choices": [0, 1, 2], "nargs": "?", "const": 2, "default": 0}),
        ),
        ((("--sdvae",), {"default": ""}), (("--sdvaeauto",), {"action": "store_true"})),
        ((("--rpcport",), {"type": int, "default": 5551}), (("--rpctargets",), {"default": ""})),
    )
    for pair in pairs:
        group = made.add_mutually_exclusive_group()
        for names, options in pair:
            group.add_argument(*names, **options)
