"""Lines of llama.cpp's loader that always end a load, as data; each is from a public thread or from the source.

"failed to fit params" is not one, nor is "cudaMalloc failed": the loader often continues after it, and then succeeds.
"""

from typing import Final

from stackctl.backends.llama_causes import (
    ASSERTION,
    CONTEXT,
    DAMAGED,
    GGUF,
    LACKS_TENSOR,
    LOADER,
    NO_MEMORY,
    NO_RAM,
    ODD_CONVERSION,
    OLD_CPU,
    OLD_DRIVER,
    OLD_FORMAT,
    OLD_PROGRAM,
    SERVER,
    WRONG_GPU,
)
from stackctl.contracts.cause import Cause
from stackctl.contracts.signature import Signature, exactly

_KV_MEMORY: Final = Cause(
    says="there is too little memory for the KV cache of this context",
    hint='Lower `backend.context`, or set `backend.kv_cache = "q8_0"`.',
    kind="memory",
    issue="gpu-memory-too-small",
    source="ggml-org/llama.cpp: src/llama-kv-cache.cpp",
)
FATAL: Final = exactly(
    Signature(
        marks=("invalid magic characters", "failed to read magic", "bad magic"),
        pattern=r"'(?:<!do|<htm|<\?xm|\{\"er|vers)|3c 21 64 6f",
        cause=Cause(
            says="the model file is a web page or a pointer of Git LFS, not the model",
            hint="Download the file itself: on Hugging Face by `/resolve/`, not `/blob/`, or with `git lfs pull`.",
            kind="model",
            issue="model-damaged",
            source="https://huggingface.co/docs/hub/models-downloading",
        ),
    ),
    Signature(
        marks=("No such file or directory", "system cannot find the"),
        pattern=r"(?:failed to open GGUF|gguf_init|error loading model).*(?:No such file|cannot find the)",
        cause=Cause(
            says="there is no model file at the path that was given",
            hint="Check the path as the container sees it: the folder must be mounted, and the name must be exact.",
            kind="model",
            issue="model-missing",
            source=GGUF,
        ),
    ),
    Signature(
        marks=("Permission denied",),
        pattern=r"(?:failed to open GGUF|gguf_init|error loading model).*Permission denied",
        cause=Cause(
            says="the backend may not read the model file",
            hint="Run `chmod a+r` on the file and `chmod a+x` on its folders; on Fedora mount it with `:z` (SELinux).",
            kind="model",
            issue="folder-not-readable",
            source=GGUF,
        ),
    ),
    Signature(
        marks=(
            "model is corrupted or incomplete", "invalid magic characters", "failed to read magic",
            "tensor data is not within the file bounds", "failed to read tensor",
        ),
        cause=DAMAGED,
    ),
    Signature(
        marks=("failed to open GGUF file",),
        cause=Cause(
            says="the backend can't open a model file",
            hint="Remove the file from `backend.extra_args` if the line names one: the container has the model's files "
            "alone. If the line names the model, check with `ls -l` that its owner may read it.",
            kind="model",
            issue="model-missing",
            source=GGUF,
        ),
    ),
    Signature(
        marks=("invalid split file name",),
        cause=Cause(
            says="the model file is one part of several and was renamed, or its parts were joined with cat",
            hint="Give the parts their original names (…-00001-of-0000N.gguf) in one folder, and set `model.path` to "
            "the first. Only `llama-gguf-split --merge` joins parts.",
            kind="model",
            issue="model-parts-wrong",
            source=LOADER,
        ),
    ),
    Signature(
        marks=("has invalid ggml type",),
        cause=Cause(
            says="the model has a quantisation type that this version of the backend does not know",
            hint="Use a newer image (`backend.image`), or the model in another quantisation. Types made for "
            "ik_llama.cpp run there alone.",
            kind="model",
            issue="model-too-new",
            source=GGUF,
        ),
    ),
    Signature(
        marks=(" REMOVED, use ",),
        cause=Cause(
            says="the model has a quantisation type that llama.cpp no longer supports",
            hint="Use the model as Q4_0, which is as fast, or in another quantisation.",
            kind="model",
            issue="model-format-unsupported",
            source=GGUF,
        ),
    ),
    Signature(
        marks=("mismatch between the host and model endianness",),
        cause=Cause(
            says="the model file was written for big-endian machines",
            hint="Download the model's little-endian file, which is the usual one.",
            kind="model",
            issue="model-format-unsupported",
            source=GGUF,
        ),
    ),
    # "... not found": the same in llama.cpp's newer loader (check_tensor_dims)
    Signature(marks=("missing tensor '", "weight' not found", "bias' not found"), cause=LACKS_TENSOR),
    Signature(marks=("wrong number of tensors", "unknown pre-tokenizer type"), cause=OLD_PROGRAM),
    Signature(marks=("invalid gguf type for", "key not found in model:"), cause=ODD_CONVERSION),
    Signature(marks=("unknown (magic, version) combination",), cause=OLD_FORMAT),
    Signature(
        marks=(
            "unable to allocate CPU", "unable to allocate CUDA_Host", "mmap failed: Cannot allocate memory",
            "std::bad_alloc",
        ),
        cause=NO_RAM,
    ),
    Signature(
        marks=("mmap failed: No such device",),
        cause=Cause(
            says="the model lies on a network share that can't be mapped into memory",
            hint='Add "--no-mmap" to `backend.extra_args`, or move the model to a disk of this machine.',
            kind="config",
            issue="model-not-mapped",
            source="ggml-org/llama.cpp: src/llama-mmap.cpp",
        ),
    ),
    Signature(
        marks=(
            "unable to allocate CUDA", "unable to allocate ROCm", "unable to allocate Vulkan",
            "failed to allocate compute pp buffers", "failed to allocate compute tg buffers",
            "CUDA error: out of memory", "ErrorOutOfDeviceMemory",
        ),
        cause=NO_MEMORY,
    ),
    Signature(
        marks=("unknown model architecture",),
        cause=Cause(
            says="this version of the backend does not know the model's architecture",
            hint="Use a newer image (`backend.image`) or another model.",
            kind="model",
            issue="model-too-new",
            source="ggml-org/llama.cpp: src/llama-model.cpp",
        ),
    ),
    Signature(
        marks=(
            "CUDA driver version is insufficient for CUDA runtime version",
            "PTX was compiled with an unsupported toolchain",
        ),
        cause=OLD_DRIVER,
    ),
    Signature(
        marks=("forward compatibility was attempted on non supported HW",),
        cause=Cause(
            says="the image's CUDA is newer than the NVIDIA driver allows",
            hint="Update the driver, or set `backend.image` to an image for your driver's CUDA version.",
            kind="gpu",
            issue="gpu-driver-too-old",
            source="https://docs.nvidia.com/deploy/cuda-compatibility/",
        ),
    ),
    Signature(
        marks=("system has unsupported display driver / cuda driver combination",),
        cause=Cause(
            says="the loaded NVIDIA driver is not the installed one: it was updated while it ran",
            hint="Reboot the machine.",
            kind="gpu",
            issue="gpu-driver-mismatch",
            source="https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html",
        ),
    ),
    Signature(
        marks=("no kernel image is available for execution on the device", "device kernel image is invalid"),
        cause=WRONG_GPU,
    ),
    Signature(marks=("Illegal instruction", "terminated unexpectedly with exit code: -4"), cause=OLD_CPU),
    Signature(marks=("failed to allocate buffer for kv cache",), cause=_KV_MEMORY),
    Signature(
        marks=("V cache quantization requires flash_attn",),
        cause=Cause(
            says="a quantised KV cache needs flash attention",
            hint='Set `backend.flash_attention = true`, or `backend.kv_cache = "f16"`.',
            kind="config",
            issue="settings-wrong",
            source=CONTEXT,
        ),
    ),
    Signature(
        marks=("chat template parsing error",),
        cause=Cause(
            says="the backend can't read the chat template in the model file",
            hint='Add "--no-jinja" to `backend.extra_args` (SillyTavern needs no template), or use a newer image.',
            kind="config",
            issue="template-refused",
            source=SERVER,
        ),
    ),
    Signature(
        marks=("error while loading shared libraries: libcuda.so",),
        cause=Cause(
            says="the NVIDIA driver's library is not in the container: it was started without the GPU",
            hint="Give the container the GPU (`stackctl gpu` shows which layer fails), or use an image for the CPU.",
            kind="gpu",
            issue="gpu-not-in-container",
            source="https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html",
        ),
    ),
    Signature(
        marks=("error while loading shared libraries",),
        cause=Cause(
            says="the backend's image lacks a library that its program needs",
            hint="Check `backend.image` in stack.toml: the image must be one for this machine's GPU.",
            kind="config",
            issue="program-incomplete",
            source="https://github.com/oobabooga/textgen/issues/7330",
        ),
    ),
    Signature(marks=("GGML_ASSERT(",), cause=ASSERTION),
)  # fmt: skip
# after these lines the loader may still succeed; if the program ended, they are the cause
ENDED: Final = exactly(
    Signature(
        marks=(
            "cudaMalloc failed: out of memory", "hipMalloc failed: out of memory",
            "ggml_vulkan: Device memory allocation",
        ),
        cause=NO_MEMORY,
    ),
    Signature(marks=("ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate",), cause=NO_RAM),
)  # fmt: skip
