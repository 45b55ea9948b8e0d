"""Which build of a backend's program a deploy in this folder would run, for commands that calculate with it."""

from contextlib import suppress

from stackctl import backends
from stackctl.contracts.host import Gpu
from stackctl.contracts.memory import Device
from stackctl.contracts.service import CPU, Variant
from stackctl.core.advice.can_load import BackendBuild
from stackctl.core.config.lock import Decisions, Lock
from stackctl.core.config.spec import AUTO, Spec
from stackctl.core.config.values import memory_mib
from stackctl.core.gpu.unusable import unusable_error, usable
from stackctl.core.plan.gpu_devices import choose_devices
from stackctl.core.plan.gpu_request import unheard
from stackctl.core.plan.images import backend_image
from stackctl.errors import ConfigError
from stackctl.gpus import GPUS, MODES, chosen_by_auto, find_computing, find_make
from stackctl.machine import Machine
from stackctl.steps.config_request import load_config, read_lock


def spec_here(machine: Machine) -> Spec:
    """Return what stack.toml says, or the defaults if it is wrong: the command is about a model, not this stack."""
    with suppress(ConfigError):
        return load_config(machine, {}).spec
    return Spec()


def stack_here(
    machine: Machine, name: str, *, on_gpu: bool, asks_driver: bool = True, device: Device | None = None
) -> BackendBuild:
    """Return what a deploy would run here with this backend: its build by stack.toml and stack.lock, if they name it.

    on_gpu: whether it has a GPU, of this machine or of one that somebody thinks of, of which no driver is asked
    (asks_driver). device: what computes there; None for what `auto` takes.
    """
    backend, spec = backends.find_backend(name), spec_here(machine)
    if spec.backend.is_external or backends.find_backend(spec.backend.kind) is not backend:
        spec = Spec()
    variant, cuda = _on_gpu(machine, asks_driver=asks_driver, device=device) if on_gpu else (CPU, ())
    build = ""
    if backend.PROGRAMS:
        build = backend.build_of("", next(iter(backend.PROGRAMS))) if spec.backend.program == AUTO else ""
    else:
        with suppress(ConfigError):
            build = backend.build_of(backend_image(spec, backend, variant, cuda, Decisions(read_lock(machine)))[0], "")
    return BackendBuild(backend=backend, variant=variant, build=build)


def _on_gpu(machine: Machine, *, asks_driver: bool, device: Device | None) -> tuple[Variant, tuple[int, ...]]:
    """Return the variant for the GPU of this machine, or for one that somebody thinks of, and its driver's CUDA."""
    if device and (make := find_computing(device)) and not make.IS_AUTO:
        return make.VARIANT, ()
    for gpu in usable(chosen_by_auto(machine.gpus.list()))[:1] if asks_driver else ():
        return GPUS[gpu.make].VARIANT, gpu.cuda
    return next(iter(GPUS.values())).VARIANT, ()


def device_of(spec: Spec) -> Device | None:
    """Return what computes by its gpu.mode, if `auto` never takes that; else None."""
    make = find_make(spec.gpu.mode, ()) if spec.gpu.mode in MODES else None
    return make.DEVICE if make and not make.IS_AUTO else None


def gpus_here(machine: Machine, device: Device | None = None) -> tuple[Gpu, ...]:
    """Return the GPUs that a deploy would use here, by this folder's stack.toml and stack.lock if it has them.

    device: what computes; None for what `auto` takes. Raise GpuError if the driver does not answer, or there are no
    such GPUs.
    """
    seen, spec = machine.gpus.list(), spec_here(machine)
    make = find_computing(device) if device else None
    found = make.passed_on(seen) if make else chosen_by_auto(seen)
    if found and not usable(found):
        raise unusable_error(found[0], " Use the CPU until then: `stackctl deploy --cpu`.")
    if found and (said := unheard(machine.host.gpu_variables())):
        machine.ui.note(said)
    recorded = Lock()
    with suppress(ConfigError):  # a deploy says what is wrong with it
        recorded = read_lock(machine)
    same = found if make else tuple(gpu for gpu in found if gpu.make == found[0].make)
    return choose_devices(spec.gpu.devices, same, Decisions(recorded)).gpus


def reserve_here(machine: Machine) -> int:
    """Return the MiB of each GPU that a choice leaves free, by this folder's stack.toml if it has one."""
    return memory_mib(spec_here(machine).gpu.reserve) or 0
