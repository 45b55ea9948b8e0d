"""The arguments of llama.cpp's server that a plan decides; text-generation-webui passes them on.

Source: common/arg.cpp of ggml-org/llama.cpp (its --help, run as build 11669). It accepts _ for - in names.
"""

from typing import Final

from stackctl.backends.command_line import (
    CPU_EXPERTS,
    SLOTS,
    SPLIT,
    always,
    arguments,
    idle_time,
    key_argument,
    model_argument,
    one_of,
    place_argument,
    shares,
    whole,
)
from stackctl.backends.contract import Argument, Arguments

_TITLE: Final = "llama.cpp"
_EVERY: Final = 9999  # more layers or blocks than any model has


def _layers(value: str) -> object:
    words: dict[str, object] = {"all": _EVERY, "auto": "auto", "-1": "auto"}
    return words[value] if value in words else whole(0)(value)


LLAMA_ARGUMENTS: Final[Arguments] = arguments(
    ("-c --ctx-size", Argument(decides="backend.context", read=whole(1))),
    ("-ngl --gpu-layers --n-gpu-layers", Argument(decides="backend.gpu_layers", read=_layers)),
    # llama.cpp has a type for K and one for V; the plan knows one type for both
    ("-ctk --cache-type-k -ctv --cache-type-v", Argument(decides="backend.kv_cache")),
    (
        "-fa --flash-attn",
        Argument(
            decides="backend.flash_attention",
            read=one_of({"": "on", "on": "on", "1": "on", "off": "off", "0": "off", "auto": "auto"}),
        ),
    ),
    ("-t --threads", Argument(decides="backend.threads", read=whole(1))),
    ("-ub --ubatch-size", Argument(decides="backend.batch", read=whole(1))),
    ("-b --batch-size", Argument(decides="backend.batch")),
    ("--sleep-idle-seconds", Argument(decides="backend.idle_unload", read=idle_time("s"))),
    ("-np --parallel", Argument(decides="slots", read=whole(1), why=SLOTS)),
    ("-ncmoe --n-cpu-moe", Argument(decides="cpu_experts", read=whole(0), why=CPU_EXPERTS)),
    ("-cmoe --cpu-moe", Argument(decides="cpu_experts", read=always(_EVERY), why=CPU_EXPERTS)),
    ("-ts --tensor-split", Argument(decides="split", read=shares, why=SPLIT)),
    ("-dev --device", Argument(decides="gpu.devices")),
    ("-mg --main-gpu", Argument(decides="gpu.devices")),
    (
        "-cram --cache-ram",
        Argument(why="sets the RAM for earlier prompts, which is part of the memory that stackctl plans"),
    ),
    (
        "-lv --verbosity --log-verbosity -v --verbose --log-verbose --log-disable",
        Argument(why="changes the log, in which stackctl reads the progress and the cause of a failure"),
    ),
    ("-m --model -a --alias --models-dir --models-preset", model_argument(_TITLE)),
    ("-hf -hfr --hf-repo -hff --hf-file -mu --model-url -dr --docker-repo", model_argument(_TITLE)),
    # each of these names another model, with its port and context
    (
        (
            "--embd-gemma-default --fim-qwen-1.5b-default --fim-qwen-3b-default --fim-qwen-7b-default "
            "--fim-qwen-7b-spec --fim-qwen-14b-spec --fim-qwen-30b-default --gpt-oss-20b-default "
            "--gpt-oss-120b-default --vision-gemma-4b-default --vision-gemma-12b-default"
        ),
        model_argument(_TITLE),
    ),
    ("--host --port --api-prefix --ssl-key-file --ssl-cert-file", place_argument(_TITLE)),
    ("--api-key --api-key-file", key_argument(_TITLE)),
    (
        "--embedding --embeddings --rerank --reranking",
        Argument(
            fixed="makes llama.cpp a server that answers no chat",
            hint="Remove it, and run another server for embeddings or reranking.",
        ),
    ),
)
