"""Which build of a backend's program a deploy in this folder would run, for commands that calculate with it."""

from contextlib import suppress

from stackctl import backends
from stackctl.contracts.service import CPU, Variant
from stackctl.core.advice.can_load import Runs
from stackctl.core.config.lock import Decisions
from stackctl.core.config.spec import AUTO, Spec
from stackctl.core.plan.images import backend_image
from stackctl.errors import ConfigError, GpuError
from stackctl.gpus import GPUS
from stackctl.machine import Machine
from stackctl.steps.config_request import load_config, read_lock


def build_here(machine: Machine, name: str, *, on_gpu: bool) -> str:
    """Return the build's name, by stack.toml and stack.lock if this folder's stack has this backend; "" if unknown."""
    backend, spec = backends.find_backend(name), Spec()
    with suppress(ConfigError):  # the command is about a model, not about this folder's stack
        found = load_config(machine, {}).spec
        if not found.backend.is_external and backends.find_backend(found.backend.kind) is backend:
            spec = found
    if backend.PROGRAMS:
        return backend.build_of("", next(iter(backend.PROGRAMS))) if spec.backend.program == AUTO else ""
    variant, cuda = _on_gpu(machine) if on_gpu else (CPU, ())
    with suppress(ConfigError):
        return backend.build_of(backend_image(spec, backend, variant, cuda, Decisions(read_lock(machine)))[0], "")
    return ""


def _on_gpu(machine: Machine) -> tuple[Variant, tuple[int, ...]]:
    """Return the variant for the GPU of this machine, or for one that somebody thinks of, and its driver's CUDA."""
    with suppress(GpuError):
        for gpu in machine.gpus.list()[:1]:
            return GPUS[gpu.make].VARIANT, gpu.cuda
    return next(iter(GPUS.values())).VARIANT, ()


def stack_here(machine: Machine, name: str, *, on_gpu: bool) -> Runs:
    """Return what a deploy in this folder would run, with this backend."""
    variant = _on_gpu(machine)[0] if on_gpu else CPU
    return Runs(backend=backends.find_backend(name), build=build_here(machine, name, on_gpu=on_gpu), variant=variant)
