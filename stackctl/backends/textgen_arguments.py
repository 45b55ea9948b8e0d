"""The arguments of text-generation-webui that a plan decides, and the values that it takes.

Source: the parser (argparse) of modules/shared.py of oobabooga/text-generation-webui of 2026-05.
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
    tunnel_argument,
    whole,
)
from stackctl.backends.contract import Argument, Arguments
from stackctl.backends.llama_arguments import LLAMA_ARGUMENTS

_TITLE: Final = "text-generation-webui"
KV_NAME: Final = {"f16": "fp16", "q8_0": "q8_0", "q4_0": "q4_0"}
TEXTGEN_ARGUMENTS: Final[Arguments] = arguments(
    ("--ctx-size --n_ctx --max_seq_len", Argument(decides="backend.context", read=whole(1), gguf_alone=True)),
    (
        "--gpu-layers --n-gpu-layers",
        Argument(
            decides="backend.gpu_layers",
            read=lambda value: "auto" if value == "-1" else whole(0)(value),
            gguf_alone=True,
        ),
    ),
    (
        "--cache-type --cache_type",
        Argument(
            decides="backend.kv_cache",
            read=one_of({theirs: ours for ours, theirs in KV_NAME.items()}),
            gguf_alone=True,
        ),
    ),
    ("--threads", Argument(decides="backend.threads", read=whole(1))),
    ("--ubatch-size", Argument(decides="backend.batch", read=whole(1))),
    ("--batch-size", Argument(decides="backend.batch")),
    ("--idle-timeout", Argument(decides="backend.idle_unload", read=idle_time("min"))),
    ("--parallel", Argument(decides="slots", read=whole(1), why=SLOTS)),
    ("--cpu-moe", Argument(decides="cpu_experts", read=always(9999), why=CPU_EXPERTS)),  # of every block
    ("--tensor-split", Argument(decides="split", read=shares, why=SPLIT, gguf_alone=True)),
    ("--loader", Argument(gguf_alone=True, why="chooses the loader, which stackctl chooses by the model's format")),
    ("--cpu", Argument(decides="gpu.mode", fixed="chooses the device", hint='Remove it; set `gpu.mode = "none"`.')),
    ("--extra-flags", Argument(inner=LLAMA_ARGUMENTS)),
    ("--model --model-dir --model-menu --user-data-dir", model_argument(_TITLE)),
    ("--api-port --listen-port --listen-host --api-disable-ipv4 --ssl-keyfile --ssl-certfile", place_argument(_TITLE)),
    ("--api-key --admin-key", key_argument(_TITLE)),
    ("--share --public-api --public-api-id", tunnel_argument()),
    ("--api --listen --cpu-memory --gpu-layers-draft --ctx-size-draft --model-draft", None),
)
