"""The causes that several lines of llama.cpp's loader stand for, in each program that is built on it."""

from typing import Final

from stackctl.contracts.cause import Cause

LOADER: Final = "ggml-org/llama.cpp: src/llama-model-loader.cpp"
MODEL: Final = "ggml-org/llama.cpp: src/llama-model.cpp"
CONTEXT: Final = "ggml-org/llama.cpp: src/llama-context.cpp"
GGUF: Final = "ggml-org/llama.cpp: ggml/src/gguf.cpp"
CUDA: Final = "ggml-org/llama.cpp: ggml/src/ggml-cuda/ggml-cuda.cu"
VULKAN: Final = "ggml-org/llama.cpp: ggml/src/ggml-vulkan/ggml-vulkan.cpp"
SERVER: Final = "ggml-org/llama.cpp: tools/server/server-context.cpp"
# lines that quote a model's own texts: src/llama-model-loader.cpp, src/llama-model.cpp and src/llama-vocab.cpp
# (print_info), tools/server/server-context.cpp; koboldcpp.py of KoboldCpp
QUOTES: Final = (
    r"\s*(?:[\d.]+ [A-Z] )?"
    r"(?:llama_model_loader: - kv|(?:llm_load_)?print_(?:info|meta): .* = |Loading Text Model: "
    r"|(?:srv +)?\w+: (?:loading model '|chat template, ))"
)
CHECK_MODEL: Final = "Run `stackctl deploy`, which checks the model and mounts it again."
DAMAGED: Final = Cause(
    says="the model file is damaged or cut short",
    hint="Download it again, and compare its checksum with the one that its page shows.",
    kind="model",
    issue="model-damaged",
    source=LOADER,
)
NO_MEMORY: Final = Cause(
    says="the GPU has too little free memory for this model and context",
    hint='Lower `backend.context` or `backend.gpu_layers`, set `backend.kv_cache = "q8_0"`, or use a smaller '
    "quantisation.",
    kind="memory",
    issue="gpu-memory-too-small",
    source=CUDA,
)
NO_RAM: Final = Cause(
    says="there is too little memory (RAM) for this model and context",
    hint="Lower `backend.context`, use a smaller quantisation, or raise `limits.backend_memory` if it is set.",
    kind="memory",
    issue="memory-too-small",
    source="ggml-org/llama.cpp: ggml/src/ggml-backend.cpp",
)
LACKS_TENSOR: Final = Cause(
    says="the model file lacks a tensor that this version of the backend needs",
    hint="Use a newer image (`backend.image`), or a newer conversion of the model.",
    kind="model",
    issue="model-too-new",
    source=LOADER,
)
OLD_PROGRAM: Final = Cause(
    says="this version of the backend is older than the model and can't load it",
    hint="Use a newer image (`backend.image`) or another model.",
    kind="model",
    issue="model-too-new",
    source=MODEL,
)
ODD_CONVERSION: Final = Cause(
    says="the model was converted in a way that this version of the backend does not understand",
    hint="Use a newer conversion of the model, or another version of the backend (`backend.image`).",
    kind="model",
    issue="model-format-unsupported",
    source=MODEL,
)
OLD_FORMAT: Final = Cause(
    says="the model file is in a format older than GGUF, which the backend no longer reads",
    hint="Download the model as a GGUF file.",
    kind="model",
    issue="model-format-unsupported",
    source="https://github.com/ggml-org/llama.cpp/pull/2398",
)
OLD_DRIVER: Final = Cause(
    says="the NVIDIA driver is older than the image's CUDA",
    hint="Update the driver, or set `backend.image` to an image for your driver's CUDA version.",
    kind="gpu",
    issue="gpu-driver-too-old",
    source="https://docs.nvidia.com/deploy/cuda-compatibility/",
)
WRONG_GPU: Final = Cause(
    says="the backend's image has no code for this GPU: the GPU is too old for it, or too new",
    hint="Set `backend.image` to another image: a newer one for a new GPU, one with an older CUDA for an old GPU. "
    "Or run on the CPU with `stackctl deploy --gpu none`.",
    kind="gpu",
    issue="gpu-without-code",
    source=CUDA,
)
OLD_CPU: Final = Cause(
    says="the backend's program uses instructions that this processor lacks (mostly AVX2)",
    hint="Set `backend.image` to a build for older processors, or set `backend.kind` to another backend. In a virtual "
    "machine, set its CPU type to `host` instead, which shows it all instructions of the processor.",
    kind="config",
    issue="processor-lacks-instructions",
    source="https://github.com/oobabooga/textgen/issues/7188",
)
ASSERTION: Final = Cause(
    says="an assertion in the backend's program failed: a bug of that version with these settings",
    hint="Restore what was changed last under [backend] in stack.toml, or use another image (`backend.image`).",
    is_generic=True,  # it often follows an error that says more
    issue="backend-bug",
    source="ggml-org/llama.cpp: ggml/include/ggml.h",
)


def not_loaded(says: str) -> Cause:
    """Return the cause where a program logs only that its loader failed."""
    return Cause(
        says=says,
        hint="Run `stackctl logs` and read the lines before it. Usual causes are a damaged file and too little memory.",
        kind="model",
        is_generic=True,
        issue="backend-failed",
        source=MODEL,
    )
