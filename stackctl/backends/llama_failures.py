"""The causes of a failed start of a program built on llama.cpp's loader, from its log lines and its exit code.

Source: src/llama-model-loader.cpp, src/llama-model.cpp, src/llama.cpp, ggml/src/gguf.cpp and ggml-cuda of
ggml-org/llama.cpp, and what public threads show (tests/backends/test_causes.py names them).
"""

import re

from stackctl.backends.llama_offload import init_failure
from stackctl.contracts.cause import Cause

CHECK_MODEL = "Run `stackctl deploy`, which checks the model and mounts it again."
_DAMAGED = Cause(
    says="the model file is damaged or cut short",
    hint="Download it again, and compare its checksum with the one that its page shows.",
    kind="model",
)
_NO_MEMORY = Cause(
    says="the GPU has too little free memory for this model and context",
    hint='Lower `backend.context` or `backend.gpu_layers`, set `backend.kv_cache = "q8_0"`, or use a smaller '
    "quantisation.",
    kind="memory",
)
_NO_RAM = Cause(
    says="there is too little memory (RAM) for this model and context",
    hint="Lower `backend.context`, use a smaller quantisation, or raise `limits.backend_memory` if it is set.",
    kind="memory",
)
_LACKS_TENSOR = Cause(
    says="the model file lacks a tensor that this version of the backend needs",
    hint="Use a newer image (`backend.image`), or a newer conversion of the model.",
    kind="model",
)
_OLD_PROGRAM = Cause(
    says="this version of the backend is older than the model and can't load it",
    hint="Use a newer image (`backend.image`) or another model.",
    kind="model",
)
_ODD_CONVERSION = Cause(
    says="the model was converted in a way that this version of the backend does not understand",
    hint="Use a newer conversion of the model, or another version of the backend (`backend.image`).",
    kind="model",
)
_OLD_FORMAT = Cause(
    says="the model file is in a format older than GGUF, which the backend no longer reads",
    hint="Download the model as a GGUF file.",
    kind="model",
)
_OLD_DRIVER = Cause(
    says="the NVIDIA driver is older than the image's CUDA",
    hint="Update the driver, or set `backend.image` to an image for your driver's CUDA version.",
    kind="gpu",
)
_WRONG_GPU = Cause(
    says="the backend's image has no code for this GPU: the GPU is too old for it, or too new",
    hint="Set `backend.image` to another image: a newer one for a new GPU, one with an older CUDA for an old GPU. "
    "Or run on the CPU with `stackctl deploy --gpu none`.",
    kind="gpu",
)
_OLD_CPU = Cause(
    says="the backend's program uses instructions that this processor lacks (mostly AVX2)",
    hint="Set `backend.image` to a build for older processors, or set `backend.kind` to another backend. In a virtual "
    "machine, set its CPU type to `host` instead, which shows it all instructions of the processor.",
    kind="config",
)
_ASSERTION = Cause(
    says="an assertion in the backend's program failed: a bug of that version with these settings",
    hint="Restore what was changed last under [backend] in stack.toml, or use another image (`backend.image`).",
    is_generic=True,  # it often follows an error that says more
)
# Lines that always end a load; each is from a public thread or from the source. "failed to fit params" is not one
_FATAL = (
    ("model is corrupted or incomplete", _DAMAGED),
    ("invalid magic characters", _DAMAGED),
    ("failed to read magic", _DAMAGED),
    ("tensor data is not within the file bounds", _DAMAGED),
    ("failed to read tensor", _DAMAGED),
    (
        "failed to open GGUF file",
        Cause(
            says="the backend can't open a model file",
            hint="Remove the file from `backend.extra_args` if the line names one: the container has the model's files "
            "alone. If the line names the model, check with `ls -l` that its owner may read it.",
            kind="model",
        ),
    ),
    (
        "invalid split file name",
        Cause(
            says="the model file is one part of several and was renamed, or its parts were joined with cat",
            hint="Give the parts their original names (…-00001-of-0000N.gguf) in one folder, and set `model.path` to "
            "the first. Only `llama-gguf-split --merge` joins parts.",
            kind="model",
        ),
    ),
    (
        "has invalid ggml type",
        Cause(
            says="the model has a quantisation type that this version of the backend does not know",
            hint="Use a newer image (`backend.image`), or the model in another quantisation. Types made for "
            "ik_llama.cpp run there alone.",
            kind="model",
        ),
    ),
    (
        " REMOVED, use ",
        Cause(
            says="the model has a quantisation type that llama.cpp no longer supports",
            hint="Use the model as Q4_0, which is as fast, or in another quantisation.",
            kind="model",
        ),
    ),
    (
        "mismatch between the host and model endianness",
        Cause(
            says="the model file was written for big-endian machines",
            hint="Download the model's little-endian file, which is the usual one.",
            kind="model",
        ),
    ),
    ("missing tensor '", _LACKS_TENSOR),
    ("weight' not found", _LACKS_TENSOR),  # the same in llama.cpp's newer loader (check_tensor_dims)
    ("bias' not found", _LACKS_TENSOR),
    ("wrong number of tensors", _OLD_PROGRAM),
    ("unknown pre-tokenizer type", _OLD_PROGRAM),
    ("invalid gguf type for", _ODD_CONVERSION),
    ("key not found in model:", _ODD_CONVERSION),
    ("unknown (magic, version) combination", _OLD_FORMAT),
    # not "cudaMalloc failed": the loader often continues after it, and then succeeds
    ("unable to allocate CPU", _NO_RAM),
    ("unable to allocate CUDA_Host", _NO_RAM),
    ("mmap failed: Cannot allocate memory", _NO_RAM),
    ("std::bad_alloc", _NO_RAM),
    (
        "mmap failed: No such device",
        Cause(
            says="the model lies on a network share that can't be mapped into memory",
            hint='Add "--no-mmap" to `backend.extra_args`, or move the model to a disk of this machine.',
            kind="config",
        ),
    ),
    ("unable to allocate CUDA", _NO_MEMORY),
    ("unable to allocate ROCm", _NO_MEMORY),
    ("unable to allocate Vulkan", _NO_MEMORY),
    ("failed to allocate compute pp buffers", _NO_MEMORY),
    ("failed to allocate compute tg buffers", _NO_MEMORY),
    ("CUDA error: out of memory", _NO_MEMORY),
    ("ErrorOutOfDeviceMemory", _NO_MEMORY),
    (
        "unknown model architecture",
        Cause(
            says="this version of the backend does not know the model's architecture",
            hint="Use a newer image (`backend.image`) or another model.",
            kind="model",
        ),
    ),
    ("CUDA driver version is insufficient for CUDA runtime version", _OLD_DRIVER),
    ("PTX was compiled with an unsupported toolchain", _OLD_DRIVER),
    (
        "forward compatibility was attempted on non supported HW",
        Cause(
            says="the image's CUDA is newer than the NVIDIA driver allows",
            hint="Update the driver, or set `backend.image` to an image for your driver's CUDA version.",
            kind="gpu",
        ),
    ),
    (
        "system has unsupported display driver / cuda driver combination",
        Cause(
            says="the loaded NVIDIA driver is not the installed one: it was updated while it ran",
            hint="Reboot the machine.",
            kind="gpu",
        ),
    ),
    ("no kernel image is available for execution on the device", _WRONG_GPU),
    ("device kernel image is invalid", _WRONG_GPU),
    ("Illegal instruction", _OLD_CPU),
    ("terminated unexpectedly with exit code: -4", _OLD_CPU),
    (
        "failed to allocate buffer for kv cache",
        Cause(
            says="there is too little memory for the KV cache of this context",
            hint='Lower `backend.context`, or set `backend.kv_cache = "q8_0"`.',
            kind="memory",
        ),
    ),
    (
        "V cache quantization requires flash_attn",
        Cause(
            says="a quantised KV cache needs flash attention",
            hint='Set `backend.flash_attention = true`, or `backend.kv_cache = "f16"`.',
            kind="config",
        ),
    ),
    (
        "chat template parsing error",
        Cause(
            says="the backend can't read the chat template in the model file",
            hint='Add "--no-jinja" to `backend.extra_args` (SillyTavern needs no template), or use a newer image.',
            kind="config",
        ),
    ),
    (
        "error while loading shared libraries",
        Cause(
            says="the backend's image lacks a library that its program needs",
            hint="Check `backend.image` in stack.toml: the image must be one for this machine's GPU.",
            kind="config",
        ),
    ),
    ("GGML_ASSERT(", _ASSERTION),
)
# Lines after which the loader may still succeed; if the program ended, they are the cause
_ENDED = (
    ("cudaMalloc failed: out of memory", _NO_MEMORY),
    ("hipMalloc failed: out of memory", _NO_MEMORY),
    ("ggml_vulkan: Device memory allocation", _NO_MEMORY),
    ("ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate", _NO_RAM),
)
# lines that quote a model's own texts: src/llama-model-loader.cpp, src/llama-model.cpp and src/llama-vocab.cpp
# (print_info), tools/server/server-context.cpp; koboldcpp.py of KoboldCpp
_QUOTES = re.compile(
    r"\s*(?:[\d.]+ [A-Z] )?"
    r"(?:llama_model_loader: - kv|(?:llm_load_)?print_(?:info|meta): .* = |Loading Text Model: "
    r"|(?:srv +)?\w+: (?:loading model '|chat template, ))"
)
_SIGILL, _SIGABRT = 128 + 4, 128 + 6


def load_failure(line: str) -> Cause | None:
    """Return the cause if a line of the loader means that this model will not load, else None."""
    # after the first it continues on the CPU, and that is well unless a GPU was asked for
    if init_failure(line) or _QUOTES.match(line):
        return None
    return next((cause for mark, cause in _FATAL if mark in line), None)


def load_ended(line: str) -> Cause | None:
    """Return the cause that a line of the loader names if the program has ended; None if it names none.

    While the program runs such a line is no failure: the loader may continue after it.
    """
    return init_failure(line) or next((cause for mark, cause in _ENDED if mark in line), None)


def signal_cause(code: int) -> Cause | None:
    """Return the cause if a program built on llama.cpp ended by a signal, by its exit code; else None."""
    return {_SIGILL: _OLD_CPU, _SIGABRT: _ASSERTION}.get(code)


def refused_server_argument(line: str, hint: str) -> Cause | None:
    """Return the cause if a line is llama-server's error about an unknown argument, else None. hint: a sentence."""
    _, found, argument = line.partition("error: invalid argument: ")
    if not found:
        return None
    if " " in argument.strip():
        hint = f"Write each word as a separate string, as in `{argument.split()}`. {hint}"
    return Cause(says=f"llama-server does not know the argument {argument.strip()}", hint=hint, kind="config")


def not_loaded(says: str) -> Cause:
    """Return the cause where a program logs only that its loader failed."""
    return Cause(
        says=says,
        hint="Run `stackctl logs` and read the lines before it. Usual causes are a damaged file and too little memory.",
        kind="model",
        is_generic=True,
    )
