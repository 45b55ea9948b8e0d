"""The layers between the GPUs and the backend, tried: the engine and a container of the image that will run."""

from dataclasses import dataclass, replace

from stackctl import backends
from stackctl.contracts.host import Gpu, Owner
from stackctl.contracts.service import GpuRequest
from stackctl.core.config.lock import Decisions
from stackctl.core.config.spec import AUTO, Spec
from stackctl.core.gpu.cdi_files import cdi_names, cdi_verdict
from stackctl.core.gpu.layers import Layer, LayerVerdict, failing, first_fault
from stackctl.core.gpu.surroundings import fit_hint
from stackctl.core.gpu.trial import judge_trial
from stackctl.core.observed import EngineSeen, Observed
from stackctl.core.plan import external_backend, gpu_request
from stackctl.core.plan.engine_features import described
from stackctl.core.plan.images import OWN
from stackctl.core.plan.stack import Plan
from stackctl.errors import GpuError
from stackctl.machine import Machine
from stackctl.secret import Secret
from stackctl.steps.config_request import read_lock
from stackctl.steps.deployed import written_plan
from stackctl.terminal import command_line


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A container that is to get GPUs, on an engine. user: with the ids inside; None for the image's."""

    image: str
    user: Owner | None
    request: GpuRequest
    seen: Observed
    engine: EngineSeen


def refuse_lacking_gpu(plan: Plan, spec: Spec, seen: Observed, machine: Machine) -> None:
    """Raise GpuError if the engine does not give the planned GPUs, or a container with them does not see them."""
    service = plan.backend_service
    if not service or not service.gpu or not seen.engine:
        return
    planned = Planned(image=service.image, user=service.user_inside, request=service.gpu, seen=seen, engine=seen.engine)
    fault = first_fault(try_layers(planned, spec, machine))
    if fault:
        where = "a container that was tried with the GPU: " if fault.layer == "container" else ""
        raise GpuError(f"{where}{fault.says}", hint=fault.hint, evidence=fault.evidence, issue=fault.issue)


def try_layers(planned: Planned, spec: Spec, machine: Machine) -> tuple[LayerVerdict, LayerVerdict]:
    """Return the verdicts on the engine and on a container, by a container that is removed.

    Where they find a fault, the other modes of the make are tried, too: the hint offers one that works.
    """
    engine, container = found = _try(planned, machine)
    if first_fault(found):
        for mode, request in gpu_request.other_ways(planned.request, spec, planned.seen):
            if not first_fault(_try(replace(planned, request=request), machine)):
                return _with_way(engine, mode), _with_way(container, mode)
    return found


def plan_trial(
    spec: Spec, engine: EngineSeen, gpus: tuple[Gpu, ...], driver: LayerVerdict, machine: Machine
) -> Planned | LayerVerdict:
    """Return the container to try for these settings, of an image that is here; else the verdict that says why not.

    gpus: those that can be used.
    """
    if driver.state == "fails" and not gpus:
        return _untried("engine", "the driver comes first")
    seen = observe_for_gpu(engine, gpus, machine)
    try:
        request = gpu_request.request_gpu(spec, seen, Decisions(read_lock(machine)))
    except GpuError as error:
        return failing("engine", error)
    if request is None:
        return _untried("engine", f"`gpu.mode = {spec.gpu.mode}` takes the CPU here")
    image = _image_here(spec, machine)
    if not image:
        return _untried("container", "no image of this stack is here yet, and `stackctl deploy` brings it")
    return Planned(image=image, user=None, request=request, seen=seen, engine=engine)


def observe_for_gpu(engine: EngineSeen, gpus: tuple[Gpu, ...], machine: Machine) -> Observed:
    """Return what the request for GPUs depends on, and no more. gpus: those that can be used."""
    return Observed(
        folder=machine.place,
        owner=machine.folder.owner,
        key=Secret(""),
        model=external_backend.external_model(None),
        engine=engine,
        gpus=gpus,
        cdi=machine.docker.cdi(),
        view=machine.docker.view,
        is_wsl=machine.host.is_wsl(),
        container=machine.host.container_kind(),
    )


def _try(planned: Planned, machine: Machine) -> tuple[LayerVerdict, LayerVerdict]:
    request, seen = planned.request, planned.seen
    trial = machine.docker.try_gpu(planned.image, request, planned.user)
    stale = cdi_verdict(seen.cdi, cdi_names(request)) if seen.cdi else None
    expected = gpu_request.gpu_count(request, seen) if request.gpus else None
    engine, container = judge_trial(request, trial, expected, described(planned.engine), stale)
    around = gpu_request.around(seen)
    return replace(engine, hint=fit_hint(engine.hint, around)), replace(
        container, hint=fit_hint(container.hint, around)
    )


def _with_way(verdict: LayerVerdict, mode: str) -> LayerVerdict:
    """Return the verdict with a mode that works as the first thing to do, if it is a fault."""
    if verdict.state != "fails":
        return verdict
    return replace(
        verdict, hint=f"Run `{command_line('stackctl', 'deploy', '--gpu', mode)}`, which works here. {verdict.hint}"
    )


def _image_here(spec: Spec, machine: Machine) -> str:
    """Return an image of the stack or of its backend that is on the engine, as like the planned one as possible."""
    backend = None if spec.backend.is_external else backends.find_backend(spec.backend.kind)
    plan = written_plan(machine)
    names = (
        *((plan.backend_service.image,) if plan and plan.backend_service else ()),
        spec.backend.image,
        *(image.name for images in (backend.IMAGES.values() if backend else ()) for image in images),
        *(backend.OWN_IMAGES.values() if backend else ()),
        *(service.image for service in (plan.services if plan else ())),
        *OWN,
    )
    return next((one for one in names if one != AUTO and machine.docker.images.id(one)), "")


def _untried(layer: Layer, says: str) -> LayerVerdict:
    return LayerVerdict(layer=layer, state="not tried", says=says)
