"""The log lines that every program built on llama.cpp's loader writes while it loads a model without trouble.

Source: src/llama-model-loader.cpp, src/llama-model.cpp, src/llama.cpp and ggml-cuda of ggml-org/llama.cpp;
KoboldCpp and text-generation-webui print them unchanged.
"""

import re
from collections.abc import Mapping
from typing import Literal

from stackctl.backends.contract import Buffer

_OFFLOADED = re.compile(r"offloaded (\d+)/(\d+) layers to GPU")
_SHARDS = re.compile(r"additional (\d+) GGUFs metadata loaded")
_BUFFER = re.compile(r"(\S+)\s+(model|KV|RS|compute|output) buffer size\s*=\s*(\d+(?:\.\d+)?) MiB")
# tools/server/server-context.cpp: every three seconds of a generation, and at its end
_GENERATES = re.compile(r"n_decoded = +\d+, tg = +(\d{1,9}\.\d+) t/s(?:, tg_3s = +(\d{1,9}\.\d+) t/s)?")
_GENERATED = re.compile(r"(?<!prompt )eval time = .{1,60} ms per token, +(\d{1,9}\.\d+) tokens per second\)")
_TERMS: Mapping[str, Literal["weights", "kv_cache", "state", "compute", "output"]] = {
    "model": "weights",
    "KV": "kv_cache",
    "RS": "state",
    "compute": "compute",
    "output": "output",
}
_STEPS = (
    ("load_model: loading model '", "reading the weights"),  # the only line at llama-server's default verbosity
    ("loading model tensors", "reading the weights"),
    ("llama_kv_cache", "reserving the KV cache"),
    ("warming up the model", "warming up"),
    ("llama_context: constructing", "preparing the context"),
    ("loaded meta data with", "header read"),
)


def load_progress(line: str) -> str | None:
    """Return the step of loading that a line reports, in a few words; None if it reports none."""
    if found := _OFFLOADED.search(line):
        return f"{found[1]} of {found[2]} layers on the GPU"
    if found := _SHARDS.search(line):
        return f"{found[1]} more shards found"
    return next((says for mark, says in _STEPS if mark in line), None)


def load_buffer(line: str) -> Buffer | None:
    """Return the memory that a line reports as reserved. CPU_Mapped, AMX and CUDA_Host, too, mean the main memory."""
    found = _BUFFER.search(line)
    if not found:
        return None
    is_own = found[1].startswith(("CPU", "AMX")) or found[1].endswith("_Host")
    return Buffer(device="" if is_own else found[1], term=_TERMS[found[2]], mib=float(found[3]))


def log_pace(line: str) -> float | None:
    """Return the tokens a second that llama-server reports while it generates, or once it has."""
    if found := _GENERATES.search(line) or _GENERATED.search(line):
        return float(found[found.lastindex or 1]) or None
    return None
