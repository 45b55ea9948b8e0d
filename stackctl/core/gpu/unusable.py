"""GPUs that are there, and that their driver can't use."""

from stackctl.contracts.host import Gpu
from stackctl.errors import GpuError


def usable(gpus: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
    """Return the GPUs without a fault."""
    return tuple(gpu for gpu in gpus if not gpu.fault)


def unusable_error(gpu: Gpu, meanwhile: str) -> GpuError:
    """Return the error for a GPU with a fault. meanwhile: how to do without it, behind a blank."""
    at = f" at {gpu.pci}" if gpu.pci else ""
    return GpuError(f"the GPU {gpu.name}{at} can't be used: {gpu.fault}", hint=f"{gpu.fix}{meanwhile}")
