"""Further lines of programs built on llama.cpp, about memory, GPUs and processors: they explain a log."""

from dataclasses import replace
from typing import Final

from stackctl.backends.llama_causes import (
    ASSERTION,
    CONTEXT,
    CUDA,
    NO_MEMORY,
    NO_RAM,
    OLD_CPU,
    OLD_DRIVER,
    VULKAN,
    WRONG_GPU,
)
from stackctl.backends.llama_offload import INIT_SIGNATURES, NOT_GIVEN
from stackctl.backends.llama_starts import ENDED
from stackctl.contracts.cause import Cause
from stackctl.contracts.signature import Signature

_NOT_SEEN: Final = Cause(
    says="the program finds no GPU in its container",
    hint=NOT_GIVEN,
    kind="gpu",
    issue="gpu-not-in-container",
    source=CUDA,
)
_CRASHED: Final = Cause(
    says="the program made a wrong access on the GPU: a bug of this version, or a GPU that is overclocked or failing",
    hint="Use another image (`backend.image`), and undo overclocking; `sudo dmesg` shows whether the GPU reports "
    "errors (Xid).",
    kind="gpu",
    issue="backend-bug",
    source="https://docs.nvidia.com/deploy/xid-errors/",
)
_LOST: Final = Cause(
    says="the driver gave the GPU up while it computed",
    hint="Run `sudo dmesg`, which tells why; lower `backend.context` or the batch, and update the GPU's driver.",
    kind="gpu",
    issue="gpu-failed",
    source=VULKAN,
)
_TOO_LITTLE: Final = Cause(
    says="there is too little memory for this model and context",
    hint='Lower `backend.context` or `backend.gpu_layers`, set `backend.kv_cache = "q8_0"`, or use a smaller '
    "quantisation.",
    kind="memory",
    issue="gpu-memory-too-small",
    source=CONTEXT,
)
DEVICES: Final = (
    *INIT_SIGNATURES,
    *ENDED,
    Signature(
        marks=("out of memory", "OutOfDeviceMemory", "OUT_OF_DEVICE_MEMORY"),
        pattern=r"(?:CUDA|ROCm|HIP|MUSA|SYCL|cuBLAS|hipBLAS)(?: error)?\s?\d{0,4}.{0,200}: out of memory"
        r"|hipErrorOutOfMemory"
        r"|Malloc(?:Managed)?.{0,60}: out of memory|OUT_?OF_?DEVICE_?MEMORY|ggml-cuda\S*: out of memory",
        cause=NO_MEMORY,
    ),
    Signature(
        marks=(
            "unable to allocate SYCL", "unable to allocate Metal", "unable to allocate MTL",
            "CUBLAS_STATUS_ALLOC_FAILED", "exceeds device memory allocation limit",
            "exceeds device buffer size limit", "Requested buffer size exceeds", "rocblas_status_memory_error",
            "kIOGPUCommandBufferCallbackErrorOutOfMemory",
        ),
        cause=NO_MEMORY,
    ),
    Signature(
        marks=(
            "unable to allocate backend buffer", "llama_kv_cache_init() failed", "failed to allocate compute buffers",
            "failed to allocate memory for kv cache", "failed to allocate buffer for rs cache",
        ),
        cause=_TOO_LITTLE,
    ),
    Signature(
        marks=(
            "not enough memory: you tried to allocate", "DefaultCPUAllocator: can't allocate memory", "MemoryError",
            "OutOfHostMemory", "WinError 1455", "paging file is too small",
            "ggml_aligned_malloc: insufficient memory", "posix_memalign failed", "unable to allocate CPU_REPACK",
            "failed to allocate buffer of size",
        ),
        # the loader tries again with less on a GPU
        unless=("cuda0 buffer", "cuda1 buffer", "cuda_host", "gallocr", "pinned"),
        cause=NO_RAM,
    ),
    Signature(
        marks=(
            "no device code compatible", "without support for the current GPU arch", "invalid device function",
            "hipErrorInvalidDeviceFunction", "hipErrorNoBinaryForGpu", "TensileLibrary",
            "no kernel image is available", "named symbol not found",
            "is not compatible with the current PyTorch installation", "only supports Ampere GPUs or newer",
            "hipErrorSharedObjectInitFailed", "requires compute capability", "gpu arch not supported",
        ),
        unless=("-a---", "rw-r--r--"),
        cause=WRONG_GPU,
    ),
    Signature(
        marks=("GGML_ASSERT(buf", "GGML_ASSERT(ctx->mem_buffer", "GGML_ASSERT(mem_buffer"),
        cause=NO_RAM,
    ),
    Signature(
        marks=("GGML_ASSERT", ": fatal error"),
        pattern=r"GGML_ASSERT(?:\(|: )|\.(?:cu|cuh|cpp|c|h):\d{1,6}: fatal error",
        cause=replace(ASSERTION, is_generic=False),
    ),
    Signature(
        marks=("CUDA error: ", "ROCm error: "),
        pattern=r"error: (invalid argument|an unsupported value|invalid resource handle|operation not (?:permitted"
        r"|supported)"
        r"|an internal operation failed|operation failed due to|invalid configuration|too many resources|peer access)",
        cause=Cause(
            says="the program asked the GPU for something that it refuses ({0}): a bug of this version with these "
            "settings",
            hint="Restore what was changed last under [backend] in stack.toml, or use another image (`backend.image`).",
            kind="gpu",
            issue="backend-bug",
            source=CUDA,
        ),
    ),
    Signature(
        marks=("The NVIDIA driver on your system is too old", "cudaErrorInsufficientDriver"),
        cause=OLD_DRIVER,
    ),
    Signature(
        marks=(
            "no CUDA-capable device is detected", "No CUDA GPUs are available", "No HIP GPUs are available",
            "Found no NVIDIA driver on your system", "no ROCm-capable device is detected",
            "libcuda.so.1: cannot open", "libcuda.so: cannot open", "hipErrorNoDevice",
            "CUDA error: initialization error", "CUDA_ERROR_NO_DEVICE", "Can't initialize NVML",
            "libcuda.so.1 not found",
        ),
        unless=("nvidia-container-cli",),
        cause=_NOT_SEEN,
    ),
    Signature(
        marks=("/dev/kfd",),
        pattern=r"/dev/kfd\b.*(?:denied|failed|no such file)|(?:unable to open|failed to open) /dev/kfd",
        cause=Cause(
            says="the program may not use the AMD GPU: it can't open /dev/kfd",
            hint="Give the container /dev/kfd and /dev/dri, and the groups `video` and `render`.",
            kind="gpu",
            issue="gpu-not-in-container",
            source="https://rocm.docs.amd.com/projects/install-on-linux/en/latest/how-to/docker.html",
        ),
    ),
    Signature(
        marks=("invalid device ordinal", "Invalid device index", "invalid device:", "error: invalid main-gpu"),
        pattern=r"invalid device (?:ordinal|index)|error.{0,60}invalid (?:device:|main-gpu)",
        cause=Cause(
            says="there is no GPU of the number that was asked for",
            hint="Run `nvidia-smi -L`, and correct `gpu.devices` and the main GPU; the first has the number 0.",
            kind="gpu",
            issue="gpu-devices-wrong",
            source=CUDA,
        ),
    ),
    Signature(
        marks=(
            "IncompatibleDriver", "ErrorInitializationFailed", "clGetPlatformIDs", "No OpenCL",
            "VK_ERROR_INITIALIZATION",
        ),
        pattern=r"IncompatibleDriver|ErrorInitializationFailed|VK_ERROR_INITIALIZATION|clGetPlatformIDs.*-1001",
        cause=Cause(
            says="the program finds no driver for Vulkan or OpenCL",
            hint="Use an image that contains the driver, give the container /dev/dri, or run on the CPU with "
            "`stackctl deploy --gpu none`.",
            kind="gpu",
            issue="gpu-driver-missing",
            source=VULKAN,
        ),
    ),
    Signature(
        marks=(
            "device lost", "DeviceLost", "DEVICE_LOST", "GPU Hang", "Memory access fault by GPU", "HSA_STATUS_ERROR",
        ),
        pattern=r"device lost on|DeviceLost|DEVICE_LOST|GPU Hang|Memory access fault by GPU|HSA_STATUS_ERROR",
        cause=_LOST,
    ),
    Signature(
        marks=(
            "illegal memory access", "misaligned address", "unspecified launch failure", "device-side assert",
            "illegal instruction was encountered", "function failed to launch", "CUBLAS_STATUS_EXECUTION_FAILED",
            "CUBLAS_STATUS_INTERNAL_ERROR", "CUBLAS_STATUS_NOT_INITIALIZED", "CUBLAS_STATUS_INVALID_VALUE",
        ),
        cause=_CRASHED,
    ),
    Signature(
        marks=(
            "uncorrectable ECC error", "GPU is lost", "has fallen off the bus", "launch timed out and was terminated",
        ),
        cause=Cause(
            says="the GPU reports a fault of its hardware, or did not answer in time",
            hint="Run `sudo dmesg`, reboot, and check its power supply, its cooling and its seat.",
            kind="gpu",
            issue="gpu-failed",
            source="https://docs.nvidia.com/deploy/xid-errors/",
        ),
    ),
    Signature(
        marks=("CUDA error: unknown error", "CUDA unknown error", "CUDA error: OS call failed"),
        cause=Cause(
            says="CUDA can't work with the loaded NVIDIA driver",
            hint="Run `sudo modprobe nvidia_uvm` or reboot, until `nvidia-smi` works on the host.",
            kind="gpu",
            issue="gpu-driver-missing",
            source=CUDA,
        ),
    ),
    Signature(
        marks=("0xc000001d", "-1073741795", "exit code: 132", "SIGILL", "does not support AVX", "requires AVX"),
        cause=OLD_CPU,
    ),
    Signature(
        marks=(
            "Torch not compiled with CUDA enabled", "was not compiled with GPU support", "CPU library will be used",
        ),
        unless=("bitsandbytes",),
        cause=Cause(
            says="the program was built without code for this GPU, and computes on the CPU",
            hint="Use the image or program for your GPU; `stackctl deploy` chooses it.",
            kind="gpu",
            issue="gpu-not-used",
            source="https://pytorch.org/get-started/locally/",
        ),
        when="run",
    ),
    Signature(
        marks=(
            "does not divide n_embd_head", "V cache quantization requires", "quantized V cache",
            "requires flash_attn",
        ),
        pattern=r"does not divide|requires (?:flash|FA)",
        cause=Cause(
            says="this type of the KV cache does not suit the model or the other settings",
            hint='Set `backend.kv_cache = "f16"`, or `backend.flash_attention = true`.',
            kind="config",
            issue="settings-wrong",
            source=CONTEXT,
        ),
    ),
    Signature(
        marks=(
            "connect to RPC server", "Remote RPC server crashed", "RPC protocol version mismatch",
            "failed to connect to RPC",
        ),
        pattern=r"failed to connect|crashed|mismatch|couldn't connect",
        cause=Cause(
            says="an RPC server, which computes a share of the model, does not answer or has another version",
            hint="Start `rpc-server` there with the same build of llama.cpp, and check its address and port.",
            kind="config",
            issue="backend-elsewhere-unreachable",
            source="ggml-org/llama.cpp: ggml/src/ggml-rpc/ggml-rpc.cpp",
        ),
    ),
)  # fmt: skip
