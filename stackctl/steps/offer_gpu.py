"""Whether to offer a GPU that gpu.mode = "auto" never takes: once per stack, and only if a yes could be carried out."""

from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass, replace

from stackctl import backends
from stackctl.contracts.host import Gpu
from stackctl.contracts.service import Variant
from stackctl.core.config.lock import Decision, Lock
from stackctl.core.config.spec import AUTO
from stackctl.core.config.values import ALL_GPUS
from stackctl.core.plan.gpu_request import ASKED
from stackctl.errors import GpuError, StackctlError
from stackctl.gpus import chosen_by_auto, modes_of
from stackctl.gpus.contract import Make
from stackctl.machine import Machine
from stackctl.steps.config_request import ConfigRequest, read_lock


@dataclass(frozen=True, kw_only=True)
class OfferedGpu:
    """A GPU and the values of gpu.mode that use it, of which the backend has an image."""

    name: str
    modes: tuple[str, ...]


def offered_gpu(machine: Machine, wanted: ConfigRequest) -> OfferedGpu | None:
    """Return the GPU with the most memory that could be used, unless the user has answered that already.

    None, too, for one that shares the machine's memory (a model on it is hardly faster than on the processor), beside
    a GPU that `auto` takes or tells the fault of, and if no engine answers here.
    """
    spec = wanted.spec
    if spec.gpu.mode != AUTO or spec.backend.is_external or ASKED in read_lock(machine).decisions:
        return None
    images = backends.find_backend(spec.backend.kind).IMAGES
    with suppress(StackctlError):  # the deploy itself reports it
        if not machine.docker.is_local:
            return None
        seen = machine.gpus.list()
        able = [] if chosen_by_auto(seen) else [gpu for gpu in seen if not (gpu.fault or gpu.is_unified)]
        for gpu in sorted(able, key=lambda one: -one.total_mib):
            if modes := _modes(gpu, images):
                return OfferedGpu(name=gpu.name, modes=modes)
    return None


def with_refusal(lock: Lock) -> Lock:
    """Return the lock with the answer, so that the question is not asked again."""
    return replace(lock, decisions={**lock.decisions, ASKED: Decision(value="no", inputs={})})


def _modes(gpu: Gpu, images: Container[Variant]) -> tuple[str, ...]:
    return tuple(mode for mode, make in modes_of(gpu).items() if make.VARIANT in images and _is_able(make, mode, gpu))


def _is_able(make: Make, mode: str, gpu: Gpu) -> bool:
    with suppress(GpuError):
        return bool(make.request(mode, (ALL_GPUS,), (gpu,), None))
    return False
