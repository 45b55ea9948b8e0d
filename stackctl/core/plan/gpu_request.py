"""The GPU request of the backend: the mode is decided here, and the make of GPU fills in the rest."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

from stackctl.contracts.host import Gpu
from stackctl.contracts.service import GpuRequest
from stackctl.core.config.lock import Decisions, one_of
from stackctl.core.config.section import NONE
from stackctl.core.config.spec import AUTO, Spec
from stackctl.core.config.values import ALL_GPUS
from stackctl.core.gpu import cdi_files
from stackctl.core.gpu.surroundings import Surroundings, fit_hint
from stackctl.core.gpu.unusable import unusable_error, usable
from stackctl.core.observed import EngineSeen, Observed, ServiceState
from stackctl.core.plan.engine_features import features
from stackctl.core.plan.gpu_devices import Devices, any_of_kind, choose_devices, named
from stackctl.core.plan.stack import Plan
from stackctl.errors import GpuError
from stackctl.gpus import GPUS, MODES, chosen_by_auto, find_make, modes_of
from stackctl.gpus.contract import NOT_GIVEN, Make, Offer

ASKED: Final = "gpu.offer"  # the key in stack.lock of the user's answer: "no"
_CDI = "cdi"  # the engine's driver, and the mode of each make whose GPUs it passes on
_CPU: Final = " Use the CPU until then: `stackctl deploy --cpu`."


def request_gpu(spec: Spec, seen: Observed, decisions: Decisions) -> GpuRequest | None:
    """Return the GPUs to request from the engine; None for the CPU. Raise GpuError if the engine can't provide them."""
    mode, offer = spec.gpu.mode, _offer(seen.engine, cdi_files.describe_command(seen.cdi))
    if mode == AUTO:
        able = _able(seen)
        mode = decisions.decide(
            "gpu.mode",
            {
                "gpus": [gpu.uuid for gpu in able],
                **{f"{name}_runtime": bool(offer and name in offer.runtimes) for name in _runtimes()},
                "cdi_devices": list(offer.cdi_devices) if offer else [],
            },
            lambda: GPUS[able[0].make].choose_mode(offer) if able else NONE,
            known=one_of({NONE, *MODES}),
        )
    if mode == NONE:
        return None
    make = find_make(mode, seen.gpus)
    of_make = make.passed_on(seen.gpus)  # a mode that is named is taken even if no GPU is usable as seen from here
    chosen = choose_devices(spec.gpu.devices, of_make if usable(of_make) else (), decisions)
    try:
        found = _request(make, mode, chosen, seen, offer)
    except GpuError as error:
        error.hint = fit_hint(error.hint, around(seen))
        raise
    return replace(found, gpus=tuple(gpu.uuid for gpu in chosen.gpus), main=chosen.main)


def _able(seen: Observed) -> tuple[Gpu, ...]:
    """Return the GPUs that `auto` may use. Raise GpuError if none is usable: the CPU is no silent substitute."""
    found = chosen_by_auto(seen.gpus)
    if found and not usable(found):
        raise unusable_error(found[0], _CPU)
    return usable(found)


def _request(make: Make, mode: str, chosen: Devices, seen: Observed, offer: Offer | None) -> GpuRequest:
    """Return what to request; raise GpuError, too, for a CDI file from which the engine can't give the GPU."""
    try:
        request = make.request(mode, chosen.names, chosen.gpus, offer)
    except GpuError:
        if seen.cdi and mode == _CDI:
            cdi_files.refuse_stale(seen.cdi)  # the reason why a device is missing, if a file is
        raise
    names = cdi_files.cdi_names(request)
    if seen.cdi and names:
        listed = seen.engine.cdi_devices if seen.engine else ()
        cdi_files.refuse_stale(seen.cdi, names, are_listed=set(names) <= set(listed))
    return request


def around(seen: Observed) -> Surroundings:
    """Return where the engine runs."""
    is_rootless = seen.engine is not None and seen.engine.is_rootless
    return Surroundings(view=seen.view, is_rootless=is_rootless, is_wsl=seen.is_wsl, container=seen.container)


def other_ways(request: GpuRequest, spec: Spec, seen: Observed) -> tuple[tuple[str, GpuRequest], ...]:
    """Return the other modes in which the engine may pass on the GPUs of a request, with what each requests."""
    make, offer = GPUS[request.make], _offer(seen.engine, cdi_files.describe_command(seen.cdi))
    names = spec.gpu.devices if spec.gpu.devices == (ALL_GPUS,) else request.gpus or spec.gpu.devices
    found = []
    for mode in make.MODES:
        with suppress(GpuError):  # the engine is known to lack what it takes
            other = make.request(mode, names, requested_gpus(request, seen), offer)
            found.append((mode, replace(other, gpus=request.gpus, main=request.main)))
    return tuple((mode, other) for mode, other in found if other != request)


def requested_gpus(request: GpuRequest, seen: Observed) -> tuple[Gpu, ...]:
    """Return the observed GPUs of a request, as the program counts them; () if they are not visible from here."""
    by_uuid = {gpu.uuid: gpu for gpu in _of_make(request.make, seen)}
    return tuple(by_uuid[uuid] for uuid in request.gpus if uuid in by_uuid)


def gpu_count(request: GpuRequest, seen: Observed) -> int:
    """Return how many GPUs a request brings, at least 1."""
    return len(request.gpus) or GPUS[request.make].count(request, _of_make(request.make, seen))


def unheard(variables: Mapping[str, str]) -> str:
    """Return a note about this machine's variables that choose GPUs for other programs; "" if none is set."""
    if not variables:
        return ""
    set_ = ", ".join(f"{name}={value!r:.60}" for name, value in variables.items())
    return f"{set_} {'is' if len(variables) == 1 else 'are'} set here and not obeyed: gpu.devices decides"


def notes(spec: Spec, request: GpuRequest | None, seen: Observed) -> Iterator[str]:
    """Return what is to be said about a request, or about the CPU that is used without one.

    That is what its make says, a note about each GPU that is left out because of a fault, and one about variables that
    decide nothing.
    """
    if request is None:
        yield from _notes_on_cpu(spec, seen)
        return
    yield from GPUS[request.make].remarks(request, requested_gpus(request, seen), _offer(seen.engine))
    if said := unheard(seen.gpu_variables):
        yield said
    if any_of_kind(spec.gpu.devices):
        broken = (one for one in _of_make(request.make, seen) if one.fault)
        yield from (f"{named(one)} is left out: {one.fault}. {one.fix}".rstrip(" .") for one in broken)


def _notes_on_cpu(spec: Spec, seen: Observed) -> Iterator[str]:
    if spec.gpu.mode != AUTO or seen.ram is None:  # asked for, or the machine that runs it is not visible
        return
    for gpu in seen.gpus:
        if gpu.fault:
            yield f"{named(gpu)} can't be used: {gpu.fault}. {gpu.fix}".rstrip(" .")
            continue
        by = " or ".join(f"`--gpu {mode}`" for mode in modes_of(gpu))
        yield f"{named(gpu)} is not used{f': {by} uses it' if by else ''}"
    yield (
        f"NO GPU{' IS USED' if seen.gpus else ''}: this machine has no NVIDIA GPU, so the model runs on the CPU, where "
        "a large one is many times slower, most of all in reading the chat; `--cpu` does so without this note"
    )


def driver_cuda(request: GpuRequest, seen: Observed) -> tuple[int, ...]:
    """Return the newest CUDA that the driver of the requested GPUs can run; () if unknown."""
    return next((gpu.cuda for gpu in usable(_of_make(request.make, seen))), ())


def _of_make(make: str, seen: Observed) -> tuple[Gpu, ...]:
    return GPUS[make].passed_on(seen.gpus)


def lost_gpu(state: ServiceState, plan: Plan) -> GpuError | None:
    """Return the error if a backend's container was created without its GPU; else None."""
    request = plan.backend_service.gpu if plan.backend_service else None
    if request is None or state.name != plan.backend or _is_given(request, state):
        return None
    return GpuError(
        f"{state.name}: {NOT_GIVEN}",
        hint="Check that compose.override.yml leaves its `deploy` and `devices` as they are, or run on the CPU with "
        "`stackctl deploy --gpu none`.",
        issue="gpu-not-in-container",
    )


def _is_given(request: GpuRequest, state: ServiceState) -> bool:
    return GPUS[request.make].is_given(request, state.gpu_drivers, state.devices)


def _offer(engine: EngineSeen | None, describe_cdi: str = "") -> Offer | None:
    if engine is None:
        return None
    return Offer(
        version=engine.version,
        runtimes=engine.runtimes,
        cdi_devices=engine.cdi_devices,
        is_local=engine.is_local,
        describe_cdi=describe_cdi,
        is_rootless=engine.is_rootless,
        keeps_groups=features(engine).keeps_groups,
        product="" if features(engine).reserves_gpus else features(engine).title,
    )


def _runtimes() -> tuple[str, ...]:
    return tuple(make.RUNTIME for make in GPUS.values() if make.RUNTIME)
