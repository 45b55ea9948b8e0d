"""What it means when a program built on llama.cpp's loader does not come up: its lines, and its end.

Source: src/llama-model-loader.cpp, src/llama-model.cpp, src/llama.cpp, ggml/src/gguf.cpp and ggml-cuda of
ggml-org/llama.cpp, and what public threads show (tests/backends/test_causes.py names them).
"""

from stackctl.contracts.cause import Cause

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
_NO_RAM = Cause(
    says="there is too little memory (RAM) for this model and context",
    hint="lower backend.context, take a smaller quantisation, or raise limits.backend_memory where that is set",
    kind="memory",
)
_OLD_PROGRAM = Cause(
    says="this version of the backend is older than the model, and does not know all that it needs",
    hint="take a newer image (backend.image) or another model",
    kind="model",
)
_ODD_CONVERSION = Cause(
    says="the model was converted in a way that this version of the backend does not understand",
    hint="take a newer conversion of the model, or another version of the backend (backend.image)",
    kind="model",
)
_OLD_FORMAT = Cause(
    says="the model file is in a format that came before GGUF, which is no longer read",
    hint="take the model as a GGUF file",
    kind="model",
)
_OLD_DRIVER = Cause(
    says="the NVIDIA driver is older than the image's CUDA",
    hint="update the driver, or take an image for your CUDA version (backend.image)",
    kind="gpu",
)
_WRONG_GPU = Cause(
    says="the backend's image has no code for this GPU: the GPU is too old for it, or too new",
    hint="take another image (backend.image): a newer one for a new GPU, one with an older CUDA for an old GPU; "
    "or run on the CPU: stackctl deploy --gpu none",
    kind="gpu",
)
_OLD_CPU = Cause(
    says="the backend's program uses instructions that this processor does not have (AVX2, mostly)",
    hint="take a build for older processors (backend.image), or another backend: stackctl deploy --backend NAME",
    kind="config",
)
_ASSERTION = Cause(
    says="the backend's program stopped at a check of its own: a bug of that version with these settings",
    hint="take back what was changed last under [backend] in stack.toml, or take another image (backend.image)",
    is_generic=True,  # it often follows an error that says more
)
# What ends a load for certain: each was seen in a public thread, or stands in the source. Not "failed to fit params"
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
            hint="if its line names a file of backend.extra_args: take that out, the container has the model's files "
            "alone; if it names the model: its owner must be able to read it, on a mounted disk (ls -l shows it)",
            kind="model",
        ),
    ),
    (
        "invalid split file name",
        Cause(
            says="the model file is one part of several under a name that hides it, or parts were joined by cat",
            hint="give the parts their own names (…-00001-of-0000N.gguf) back, side by side in one folder, and take "
            "the first as model.path; parts are joined by llama-gguf-split --merge alone",
            kind="model",
        ),
    ),
    (
        "has invalid ggml type",
        Cause(
            says="the model has a kind of quantisation that this version of the backend does not know",
            hint="take a newer image (backend.image), or the model in another quantisation (those for ik_llama.cpp "
            "run there alone)",
            kind="model",
        ),
    ),
    (
        " REMOVED, use ",
        Cause(
            says="the model has a kind of quantisation that llama.cpp gave up",
            hint="take the model as Q4_0, which is as fast, or in another quantisation",
            kind="model",
        ),
    ),
    (
        "mismatch between the host and model endianness",
        Cause(
            says="the model file was written for big-endian machines",
            hint="take the usual, little-endian file of the model",
            kind="model",
        ),
    ),
    (
        "missing tensor '",
        Cause(
            says="the model file lacks a tensor that this version of the backend wants",
            hint="take a newer image (backend.image), or a newer conversion of the model",
            kind="model",
        ),
    ),
    ("wrong number of tensors", _OLD_PROGRAM),
    ("unknown pre-tokenizer type", _OLD_PROGRAM),
    ("invalid gguf type for", _ODD_CONVERSION),
    ("key not found in model:", _ODD_CONVERSION),
    ("unknown (magic, version) combination", _OLD_FORMAT),
    # not "cudaMalloc failed": the loader often goes on after it, and then succeeds
    ("unable to allocate CPU", _NO_RAM),
    ("unable to allocate CUDA_Host", _NO_RAM),
    ("mmap failed: Cannot allocate memory", _NO_RAM),
    ("std::bad_alloc", _NO_RAM),
    (
        "mmap failed: No such device",
        Cause(
            says="the model lies on a share that can't be mapped into memory",
            hint='put "--no-mmap" into backend.extra_args, or the model on a disk of this machine',
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
            hint="take a newer image (backend.image) or another model",
            kind="model",
        ),
    ),
    ("CUDA driver version is insufficient for CUDA runtime version", _OLD_DRIVER),
    ("PTX was compiled with an unsupported toolchain", _OLD_DRIVER),
    (
        "forward compatibility was attempted on non supported HW",
        Cause(
            says="the image's CUDA is newer than the NVIDIA driver allows",
            hint="update the driver, or take an image for your CUDA version (backend.image)",
            kind="gpu",
        ),
    ),
    (
        "system has unsupported display driver / cuda driver combination",
        Cause(
            says="the NVIDIA driver that is loaded is not the one that is installed",
            hint="reboot: the driver was updated while it ran",
            kind="gpu",
        ),
    ),
    (
        "failed to initialize CUDA: unknown error",
        Cause(
            says="the NVIDIA driver does not let CUDA start",
            hint="sudo modprobe nvidia_uvm, or reboot; then nvidia-smi must work on the host",
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
            hint='lower backend.context, or take kv_cache = "q8_0"',
            kind="memory",
        ),
    ),
    (
        "V cache quantization requires flash_attn",
        Cause(
            says="a quantised KV cache needs flash attention",
            hint='set backend.flash_attention = true, or backend.kv_cache = "f16"',
            kind="config",
        ),
    ),
    (
        "chat template parsing error",
        Cause(
            says="the backend can't read the model's own chat template",
            hint='SillyTavern does not need it: put "--no-jinja" into backend.extra_args, or take a newer image',
            kind="config",
        ),
    ),
    (
        "error while loading shared libraries",
        Cause(
            says="a library that the backend's program needs is not in its image",
            hint="is it the right image for this machine's GPU? look at backend.image in stack.toml",
            kind="config",
        ),
    ),
    ("GGML_ASSERT(", _ASSERTION),
)
# What the loader may go on after, and is the cause where it did not
_ENDED = (
    ("cudaMalloc failed: out of memory", _NO_MEMORY),
    ("hipMalloc failed: out of memory", _NO_MEMORY),
    ("ggml_vulkan: Device memory allocation", _NO_MEMORY),
    ("ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate", _NO_RAM),
)
_SIGILL, _SIGABRT = 128 + 4, 128 + 6


def load_failure(line: str) -> Cause | None:
    """The cause, if a line of the loader means that this model will not load."""
    return next((cause for mark, cause in _FATAL if mark in line), None)


def load_ended(line: str) -> Cause | None:
    """The cause that a line of the loader names, once its program has ended; it may have gone on after it."""
    return next((cause for mark, cause in _ENDED if mark in line), None)


def signal_cause(code: int) -> Cause | None:
    """What it means that a program built on llama.cpp ended by a signal, as its exit code has it."""
    return {_SIGILL: _OLD_CPU, _SIGABRT: _ASSERTION}.get(code)


def refused_server_argument(line: str, hint: str) -> Cause | None:
    """The cause, if a line is llama-server's about an argument that it does not know."""
    _, found, argument = line.partition("error: invalid argument: ")
    if not found:
        return None
    if " " in argument.strip():
        hint = f"each word is a string of its own there, as in {argument.split()}; {hint}"
    return Cause(
        says=f"llama-server does not know an argument (invalid argument: {argument.strip()})", hint=hint, kind="config"
    )


def not_loaded(says: str) -> Cause:
    """The cause where a program says no more than that its loader failed."""
    return Cause(
        says=says,
        hint="look at the lines before it: stackctl logs; a damaged file and too little memory are the usual causes",
        kind="model",
        is_generic=True,
    )
