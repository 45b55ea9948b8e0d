"""What a program built on llama.cpp's loader writes about the layers on GPUs, and about a GPU that it can't use.

Each line stands where its source prints it (read in the sources of June 2026):

- "offloaded N/M layers to GPU": src/llama-model.cpp, load_tensors(), if any device can take layers; the output is one.
- "failed to initialize CUDA: ...": ggml/src/ggml-cuda/ggml-cuda.cu, ggml_cuda_init(), with cudaGetErrorString's text;
  the same code says ROCm and MUSA in their builds. The program then computes on the CPU.
- "no usable GPU found": common/arg.cpp, for any --gpu-layers N. "not compiled with GPU offload support" until 2024,
  and in ik_llama.cpp's common/common.cpp until today.
- "no devices with dedicated memory found": common/fit.cpp (src/llama.cpp in 2025), where --fit finds no device.
- "No devices found" and the renderer on the CPU: ggml/src/ggml-vulkan/ggml-vulkan.cpp, ggml_vk_instance_init().
- "failed to load ...libggml-cuda.so": ggml/src/ggml-backend-reg.cpp, load_backend().
"""

import re
from typing import Final

from stackctl.backends.contract import Offloaded
from stackctl.contracts.cause import Cause
from stackctl.contracts.service import Variant
from stackctl.contracts.signature import Signature

# a time and a level (common/log.cpp), then the function's name: what a model's own texts say stands behind other words
_START: Final = r"\s*(?:[\d.]+ [A-Z] )?(?:\w+: )?"
_OFFLOADED: Final = re.compile(rf"{_START}offloaded (\d{{1,6}})/(\d{{1,6}}) layers to GPU")
_INIT: Final = re.compile(rf"{_START}failed to initialize (CUDA|ROCm|MUSA): (.{{1,200}})")
_SOURCE: Final = "ggml-org/llama.cpp: ggml/src/ggml-cuda/ggml-cuda.cu"
_LOADS: Final = "ggml-org/llama.cpp: ggml/src/ggml-backend-reg.cpp"
_CPU: Final = "Or run on the CPU with `stackctl deploy --gpu none`."
NOT_GIVEN: Final = (
    "Check on the host that `nvidia-smi -L` lists the GPU, and that `gpu.devices` in stack.toml names it. After an "
    f"update of the driver reboot, or write its CDI file again. {_CPU}"
)
_NEWER_DRIVER: Final = f"Install a newer driver, or set `backend.image` to an image for your driver's CUDA. {_CPU}"
# pieces of cudaGetErrorString's text
_ERRORS: Final = (
    (
        "unknown error",
        Cause(
            says="CUDA can't start with the loaded NVIDIA driver",
            hint=f"Run `sudo modprobe nvidia_uvm` or reboot, until `nvidia-smi` works on the host. {_CPU}",
            kind="gpu",
            issue="gpu-driver-missing",
            source=_SOURCE,
        ),
    ),
    (
        "driver version is insufficient",
        Cause(
            says="the NVIDIA driver is older than the image's CUDA, or its libraries are missing in the container",
            hint=_NEWER_DRIVER,
            kind="gpu",
            issue="gpu-driver-too-old",
            source=_SOURCE,
        ),
    ),
    (
        "unsupported display driver",
        Cause(
            says="CUDA can't start: the loaded NVIDIA driver is not the installed one, which was updated meanwhile",
            hint=f"Reboot the machine. {_CPU}",
            kind="gpu",
            issue="gpu-driver-mismatch",
            source=_SOURCE,
        ),
    ),
    (
        "forward compatibility was attempted",
        Cause(
            says="CUDA can't start: the image's CUDA is newer than the NVIDIA driver allows",
            hint=_NEWER_DRIVER,
            kind="gpu",
            issue="gpu-driver-too-old",
            source=_SOURCE,
        ),
    ),
    (
        "system not yet initialized",
        Cause(
            says="the NVIDIA Fabric Manager, which links the GPUs of this machine, does not run",
            hint=f"Run `sudo systemctl start nvidia-fabricmanager`. {_CPU}",
            kind="gpu",
            issue="gpu-fabric-manager",
            source=_SOURCE,
        ),
    ),
    (
        "out of memory",
        Cause(
            says="the GPU is so full that CUDA can't even start on it",
            hint=f"End the programs that hold its memory, which `nvidia-smi` lists. {_CPU}",
            kind="gpu",
            issue="gpu-memory-too-small",
            source=_SOURCE,
        ),
    ),
    (
        "busy or unavailable",
        Cause(
            says="the GPU is busy or unavailable: another program may hold it for itself alone",
            hint=f"Run `nvidia-smi`, which lists the programs on it and its compute mode, and end them. {_CPU}",
            kind="gpu",
            issue="gpu-busy",
            source=_SOURCE,
        ),
    ),
)
_NO_CODE: Final = Cause(
    says="the backend's program computes on the CPU: it sees no GPU, or has no code for one",
    hint=f"Set `backend.image` to an image with code for this GPU, or remove it to get stackctl's choice. {NOT_GIVEN}",
    kind="gpu",
    issue="gpu-not-used",
    source="ggml-org/llama.cpp: common/arg.cpp",
)
_NO_VULKAN: Final = Cause(
    says="the backend's program sees no Vulkan device, and computes on the CPU",
    hint=f"Check that the container has /dev/dri, and that its user may open the render node there. {_CPU}",
    kind="gpu",
    issue="gpu-not-in-container",
    source="ggml-org/llama.cpp: ggml/src/ggml-vulkan/ggml-vulkan.cpp",
)
# a program may have code for several kinds of GPU: (mark, cause, the only variant that the line is about; "" for all)
_MARKS: Final = (
    ("no usable GPU found", _NO_CODE, ""),
    ("not compiled with GPU offload support", _NO_CODE, ""),
    ("no devices with dedicated memory found", _NO_CODE, ""),
    ("ggml_vulkan: No devices found", _NO_VULKAN, "vulkan"),
    ("ggml_vulkan: 0 = llvmpipe", _NO_VULKAN, "vulkan"),  # Mesa's renderer on the CPU
)
_MARK: Final = re.compile(rf"{_START}({'|'.join(re.escape(mark) for mark, _, _ in _MARKS)})")
_LIBRARY: Final = re.compile(rf"{_START}failed to load \S*libggml-(cuda|hip|vulkan)\S*: (.{{1,200}})")
_VARIANTS: Final = {"CUDA": "cuda", "ROCm": "rocm", "MUSA": "musa", "cuda": "cuda", "hip": "rocm", "vulkan": "vulkan"}

_STARTS: Final = ("failed to initialize CUDA: ", "failed to initialize ROCm: ", "failed to initialize MUSA: ")
# the same for `stackctl explain`, the surest first
INIT_SIGNATURES: Final = (
    *(Signature(marks=_STARTS, pattern=re.escape(mark), cause=cause) for mark, cause in _ERRORS),
    Signature(
        marks=_STARTS,
        pattern=r"failed to initialize (CUDA|ROCm|MUSA): (.{1,160})",
        cause=Cause(
            says="{0} finds no GPU that it can use in the container ({1})",
            hint=NOT_GIVEN,
            kind="gpu",
            issue="gpu-not-in-container",
            source=_SOURCE,
        ),
    ),
)


def load_offload(line: str) -> Offloaded | None:
    """Return the layers that a line of the loader reports on GPUs; None if it reports none."""
    found = _OFFLOADED.match(line)
    return Offloaded(layers=int(found[1]), of=int(found[2])) if found else None


def init_failure(line: str) -> Cause | None:
    """Return why CUDA or ROCm did not start, from the line that says so; None for any other line."""
    found = _INIT.match(line)
    if not found:
        return None
    if known := next((cause for mark, cause in _ERRORS if mark in found[2]), None):
        return known
    says = f"{found[1]} finds no GPU that it can use in the container ({found[2].strip()})"
    return Cause(says=says, hint=NOT_GIVEN, kind="gpu", issue="gpu-not-in-container", source=_SOURCE)


def load_no_gpu(line: str, variant: Variant) -> Cause | None:
    """Return the cause if a line of the loader means that a program of this variant computes on the CPU, else None."""
    if (found := _INIT.match(line)) and _VARIANTS[found[1]] == variant:
        return init_failure(line)
    if (found := _LIBRARY.match(line)) and _VARIANTS[found[1]] == variant:
        says = f"the backend's program can't load its code for the GPU ({found[2].strip()})"
        return Cause(says=says, hint=_NO_CODE.hint, kind="gpu", issue="gpu-not-used", source=_LOADS)
    found = _MARK.match(line)
    return next((cause for mark, cause, of in _MARKS if found and found[1] == mark and of in {"", variant}), None)
