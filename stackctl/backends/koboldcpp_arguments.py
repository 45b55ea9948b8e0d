"""The arguments of KoboldCpp that a plan decides, and the values that it takes.

Source: the parser (argparse) of koboldcpp.py: LostRuins/koboldcpp 1.76, and 1.115.1 for the names that it added.
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

_TITLE: Final = "KoboldCpp"
_EVERY: Final = 9999  # more blocks than any model has
KV_NUMBER: Final = {"f16": "0", "q8_0": "1", "q4_0": "2"}  # numbers are understood by every version
# 1.117.1 doubled the largest context of 1.76 and 1.115.1; 1.76 refuses a batch of 16 or 4096
MOST_CONTEXT: Final = 524288
ONCE_CONTEXT: Final = 262144
BATCHES: Final = (-1, *(2**power for power in range(4, 13)))
KOBOLDCPP_ARGUMENTS: Final[Arguments] = arguments(
    ("--contextsize --ctx-size -c", Argument(decides="backend.context", read=whole(1))),
    (
        "--gpulayers --gpu-layers --n-gpu-layers -ngl",
        Argument(decides="backend.gpu_layers", read=lambda value: "auto" if value == "-1" else whole(0)(value)),
    ),
    (
        "--quantkv",
        Argument(
            decides="backend.kv_cache",
            read=one_of({**{name: name for name in KV_NUMBER}, **{n: name for name, n in KV_NUMBER.items()}}),
        ),
    ),
    ("--flashattention --flash-attn -fa", Argument(decides="backend.flash_attention", read=always("on"))),
    ("--noflashattention --no-flash-attn -nofa", Argument(decides="backend.flash_attention", read=always("off"))),
    ("--threads -t", Argument(decides="backend.threads", read=whole(1))),
    (
        "--batchsize --blasbatchsize --batch-size -b",
        Argument(decides="backend.batch", read=lambda value: None if value == "-1" else whole(1)(value)),
    ),
    (
        "--moecpu --n-cpu-moe -ncmoe",
        Argument(decides="cpu_experts", read=lambda value: whole(0)(value) if value else _EVERY, why=CPU_EXPERTS),
    ),
    ("--adminunloadtimeout", Argument(decides="backend.idle_unload", read=idle_time("s"))),
    ("--autofit --fit -fit", Argument(why="lets KoboldCpp choose what stackctl chooses by the free memory")),
    ("--parallelrequests --continuous-batching --contbatch", Argument(why=SLOTS)),
    ("--tensor_split --tensorsplit -ts", Argument(decides="split", read=shares, why=SPLIT, is_list=True)),
    ("--device -dev", Argument(decides="gpu.devices")),
    ("--maingpu --main-gpu -mg", Argument(decides="gpu.devices")),
    # the parser accepts only one of these
    (
        "--usecpu --usecuda --usecublas --usehipblas --usevulkan --useclblast --noblas",
        Argument(
            decides="gpu.mode",
            fixed="chooses the device on which KoboldCpp computes, and KoboldCpp accepts only one such argument",
            hint='Remove it, and set `gpu.mode` to "nvidia", "vulkan" or "none".',
        ),
    ),
    ("--model -m --nomodel", model_argument(_TITLE)),
    ("--host --port --ssl", place_argument(_TITLE)),
    ("--password --config", key_argument(_TITLE)),
    ("--remotetunnel", tunnel_argument()),
)
