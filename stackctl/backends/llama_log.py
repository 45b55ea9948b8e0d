"""Lines that every program built on llama.cpp's loader writes while it loads a model.

Source: src/llama-model-loader.cpp, src/llama-model.cpp, src/llama.cpp and ggml-cuda of ggml-org/llama.cpp;
KoboldCpp and text-generation-webui print them unchanged.
"""

import re
from collections.abc import Mapping
from typing import Literal

from stackctl.backends.contract import Buffer
from stackctl.contracts.cause import Cause

_OFFLOADED = re.compile(r"offloaded (\d+)/(\d+) layers to GPU")
_SHARDS = re.compile(r"additional (\d+) GGUFs metadata loaded")
_BUFFER = re.compile(r"(\S+)\s+(model|KV|RS|compute|output) buffer size\s*=\s*(\d+(?:\.\d+)?) MiB")
_TERMS: Mapping[str, Literal["weights", "kv_cache", "state", "compute", "output"]] = {
    "model": "weights",
    "KV": "kv_cache",
    "RS": "state",
    "compute": "compute",
    "output": "output",
}
_STEPS = (
    ("load_model: loading model '", "reading the weights"),  # all that llama-server says at its default verbosity
    ("loading model tensors", "reading the weights"),
    ("llama_kv_cache", "reserving the KV cache"),
    ("warming up the model", "warming up"),
    ("llama_context: constructing", "preparing the context"),
    ("loaded meta data with", "header read"),
)
_DAMAGED = Cause(
    says="the model file is damaged or cut short",
    hint="download it again and compare its checksum",
    kind="model",
)
_NO_MEMORY = Cause(
    says="the GPU has too little free memory for this model and context",
    hint='lower backend.context or backend.gpu_layers, take kv_cache = "q8_0", or a smaller quantisation',
    kind="memory",
)
_CAUSES = (
    ("model is corrupted or incomplete", _DAMAGED),
    ("invalid magic characters", _DAMAGED),
    ("tensor data is not within the file bounds", _DAMAGED),
    ("failed to read tensor", _DAMAGED),
    (
        "failed to open GGUF file",
        Cause(
            says="the backend can't open the model file",
            hint="the model's owner must be able to read it: ls -l shows that; is its disk or share mounted?",
            kind="model",
        ),
    ),
    # not "cudaMalloc failed" nor "failed to fit params": the loader often goes on after them, and then succeeds
    ("unable to allocate CUDA", _NO_MEMORY),
    ("failed to allocate compute pp buffers", _NO_MEMORY),
    ("failed to allocate compute tg buffers", _NO_MEMORY),
    ("CUDA error: out of memory", _NO_MEMORY),
    ("ErrorOutOfDeviceMemory", _NO_MEMORY),
    (
        "unknown model architecture",
        Cause(
            says="this version of the backend does not know the model's architecture",
            hint="take a newer image (backend.image) or another model",
            kind="model",
        ),
    ),
    (
        "CUDA driver version is insufficient for CUDA runtime version",
        Cause(
            says="the NVIDIA driver is older than the image's CUDA",
            hint="update the driver, or take an image for your CUDA version (backend.image)",
            kind="gpu",
        ),
    ),
    (
        "forward compatibility was attempted on non supported HW",
        Cause(
            says="the image's CUDA is newer than the NVIDIA driver allows",
            hint="update the driver, or take an image for your CUDA version (backend.image)",
            kind="gpu",
        ),
    ),
    (
        "failed to allocate buffer for kv cache",
        Cause(
            says="there is too little memory for the KV cache of this context",
            hint='lower backend.context, or take kv_cache = "q8_0"',
            kind="memory",
        ),
    ),
)


def load_progress(line: str) -> str | None:
    """What a line says of loading, in a few words."""
    if found := _OFFLOADED.search(line):
        return f"{found[1]} of {found[2]} layers on the GPU"
    if found := _SHARDS.search(line):
        return f"{found[1]} more shards found"
    return next((says for mark, says in _STEPS if mark in line), None)


def load_buffer(line: str) -> Buffer | None:
    """What a line says was reserved, and where: CPU, CPU_Mapped and CUDA_Host are all the machine's own memory."""
    found = _BUFFER.search(line)
    if not found:
        return None
    is_own = found[1].startswith("CPU") or found[1].endswith("_Host")
    return Buffer(device="" if is_own else found[1], term=_TERMS[found[2]], mib=float(found[3]))


def load_failure(line: str) -> Cause | None:
    """The cause, if a line of the loader means that this model will not load."""
    return next((cause for mark, cause in _CAUSES if mark in line), None)


def not_loaded(says: str) -> Cause:
    """The cause where a program says no more than that its loader failed."""
    return Cause(
        says=says,
        hint="the lines above it in the log say why; a damaged file and too little memory are the usual causes",
        kind="model",
    )
