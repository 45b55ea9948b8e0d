"""The GPU request of the backend: the mode is decided here, and the make of GPU fills in the rest."""

from contextlib import suppress

from stackctl.contracts.host import Gpu
from stackctl.contracts.service import GpuRequest
from stackctl.core.config.lock import Decisions, one_of
from stackctl.core.config.section import NONE
from stackctl.core.config.spec import Spec
from stackctl.core.gpu import cdi_files
from stackctl.core.observed import EngineSeen, Observed, ServiceState
from stackctl.core.plan.engine_features import features
from stackctl.core.plan.stack import Plan
from stackctl.errors import GpuError
from stackctl.gpus import GPUS, MODES, chosen_by_auto, find_make
from stackctl.gpus.contract import NOT_GIVEN, Offer

_CDI = "cdi"  # the engine's driver, and the mode of each make whose GPUs it passes on


def request_gpu(spec: Spec, seen: Observed, decisions: Decisions) -> GpuRequest | None:
    """Return the GPUs to request from the engine; None for the CPU. Raise GpuError if the engine can't provide them."""
    mode, offer = spec.gpu.mode, _offer(seen.engine)
    if mode == "auto":
        able = chosen_by_auto(seen.gpus)
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
    return None if mode == NONE else _request(mode, spec.gpu.devices, seen, offer)


def _request(mode: str, devices: tuple[str, ...], seen: Observed, offer: Offer | None) -> GpuRequest:
    """Return what to request; raise GpuError, too, for a CDI file from which the engine can't give the GPU."""
    try:
        request = find_make(mode, seen.gpus).request(mode, devices, offer)
    except GpuError:
        if seen.cdi and mode == _CDI:
            cdi_files.refuse_stale(seen.cdi)  # the reason why a device is missing, if a file is
        raise
    names = cdi_names(request)
    if seen.cdi and names:
        cdi_files.refuse_stale(seen.cdi, names)
    return request


def cdi_names(request: GpuRequest) -> tuple[str, ...]:
    """Return the full names of the CDI devices that a request names."""
    asked = request.devices if request.driver == _CDI else request.files
    return tuple(one for one in asked if "=" in one)


def other_ways(request: GpuRequest, spec: Spec, engine: EngineSeen) -> tuple[tuple[str, GpuRequest], ...]:
    """Return the other modes in which the engine may pass on the GPUs of a request, with what each requests."""
    make, found = GPUS[request.make], []
    for mode in make.MODES:
        with suppress(GpuError):  # the engine is known to lack what it takes
            found.append((mode, make.request(mode, spec.gpu.devices, _offer(engine))))
    return tuple((mode, other) for mode, other in found if other != request)


def gpus_of_make(request: GpuRequest, seen: Observed) -> tuple[Gpu, ...]:
    """Return the observed GPUs that a request may mean."""
    return tuple(gpu for gpu in seen.gpus if gpu.make == request.make)


def gpu_count(request: GpuRequest, seen: Observed) -> int:
    """Return how many GPUs a request brings."""
    return GPUS[request.make].count(request, gpus_of_make(request, seen))


def lost_gpu(state: ServiceState, plan: Plan) -> GpuError | None:
    """Return the error if a backend's container was created without its GPU; else None."""
    request = plan.backend_service.gpu if plan.backend_service else None
    if request is None or state.name != plan.backend or _is_given(request, state):
        return None
    return GpuError(
        f"{state.name}: {NOT_GIVEN}",
        hint="Check that compose.override.yml leaves its `deploy` and `devices` as they are, or run on the CPU with "
        "`stackctl deploy --gpu none`.",
    )


def _is_given(request: GpuRequest, state: ServiceState) -> bool:
    return GPUS[request.make].is_given(request, state.gpu_drivers, state.devices)


def _offer(engine: EngineSeen | None) -> Offer | None:
    if engine is None:
        return None
    return Offer(
        version=engine.version,
        runtimes=engine.runtimes,
        cdi_devices=engine.cdi_devices,
        is_local=engine.is_local,
        product="" if features(engine).reserves_gpus else features(engine).title,
    )


def _runtimes() -> tuple[str, ...]:
    return tuple(make.RUNTIME for make in GPUS.values() if make.RUNTIME)
