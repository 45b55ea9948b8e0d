"""GPUs that are there, and that their driver can't use."""

from stackctl.contracts.host import Gpu
from stackctl.errors import GpuError


def usable(gpus: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
    """Return the GPUs without a fault."""
    return tuple(gpu for gpu in gpus if not gpu.fault)


def title(gpu: Gpu) -> str:
    """Return a GPU's name and address in a sentence: the GPU NVIDIA GeForce RTX 3060 at 0000:01:00.0."""
    name = gpu.name if gpu.name.endswith("GPU") else f"GPU {gpu.name}"
    return f"the {name}{f' at {gpu.pci}' if gpu.pci else ''}"


def described(gpu: Gpu) -> str:
    """Return a clause that names a GPU with its fault."""
    return f"{title(gpu)} can't be used: {gpu.fault}"


def unusable_error(gpu: Gpu, meanwhile: str) -> GpuError:
    """Return the error for a GPU with a fault. meanwhile: how to do without it, behind a blank."""
    return GpuError(described(gpu), hint=f"{gpu.fix}{meanwhile}", issue=gpu.issue)
