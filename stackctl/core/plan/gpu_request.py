"""The GPU request of the backend: the mode is decided here, and the make of GPU fills in the rest."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from stackctl.contracts.host import Gpu
from stackctl.contracts.service import GpuRequest
from stackctl.core.config.lock import Decisions, one_of
from stackctl.core.config.section import NONE
from stackctl.core.config.spec import Spec
from stackctl.core.observed import EngineSeen, Observed, ServiceState
from stackctl.core.plan.engine_features import features
from stackctl.core.plan.gpu_devices import any_of_kind, choose_devices, named
from stackctl.core.plan.stack import Plan
from stackctl.errors import GpuError
from stackctl.gpus import GPUS, MODES, chosen_by_auto, find_make
from stackctl.gpus.contract import NOT_GIVEN, Offer


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
    if mode == NONE:
        return None
    make = find_make(mode, seen.gpus)
    chosen = choose_devices(spec.gpu.devices, _of_make(make.NAME, seen), decisions)
    found = make.request(mode, chosen.names, chosen.gpus, offer)
    return replace(found, gpus=tuple(gpu.uuid for gpu in chosen.gpus), main=chosen.main)


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


def notes(spec: Spec, request: GpuRequest, seen: Observed) -> Iterator[str]:
    """Return a note about each GPU that is left out because of a fault, and one about variables that decide nothing."""
    if said := unheard(seen.gpu_variables):
        yield said
    if any_of_kind(spec.gpu.devices):
        yield from (f"{named(one)} is left out: {one.fault}" for one in _of_make(request.make, seen) if one.fault)


def driver_cuda(request: GpuRequest, seen: Observed) -> tuple[int, ...]:
    """Return the newest CUDA that the driver of the requested GPUs can run; () if unknown."""
    return next((gpu.cuda for gpu in _of_make(request.make, seen)), ())


def _of_make(make: str, seen: Observed) -> tuple[Gpu, ...]:
    return tuple(gpu for gpu in seen.gpus if gpu.make == make)


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
