"""The verdict on the driver, by the GPUs that it lists."""

from stackctl.contracts.host import Gpu
from stackctl.core.formats.version import dotted
from stackctl.core.gpu.layers import LayerVerdict, failing
from stackctl.core.gpu.unusable import unusable_error
from stackctl.errors import GpuError


def judge_driver(gpus: tuple[Gpu, ...], error: GpuError | None = None) -> LayerVerdict:
    """Return the verdict on the drivers of this machine's GPUs. error: why they could not be listed or read."""
    broken = next((gpu for gpu in gpus if gpu.fault), None)
    error = unusable_error(broken, "") if broken else error
    if error:
        return failing("driver", error)
    if not gpus:
        return LayerVerdict(layer="driver", state="not tried", says="this machine has no GPU that stackctl knows")
    first = gpus[0]
    cuda = f", CUDA {dotted(first.cuda)}" if first.cuda else ""
    by = f" by driver {first.driver}{cuda}" if first.driver else ""
    says = f"it lists {len(gpus)} GPU{'s' * (len(gpus) != 1)}{by}"
    return LayerVerdict(layer="driver", state="works", says=says)
