"""The verdicts on the engine and the container, by what one short container with the requested GPUs showed."""

from dataclasses import replace

from stackctl.contracts.gpu_trial import GpuTrial, Inside, Lack
from stackctl.contracts.service import GpuRequest
from stackctl.core.gpu import refusals
from stackctl.core.gpu.layers import LayerVerdict
from stackctl.gpus import GPUS
from stackctl.gpus.contract import NOT_GIVEN, Make


def judge_trial(
    request: GpuRequest, trial: GpuTrial, expected: int | None, title: str, stale: LayerVerdict | None = None
) -> tuple[LayerVerdict, LayerVerdict]:
    """Return the verdicts on the engine and on its container.

    expected: how many GPUs it must see, None if that is unknown; title: the engine with its version, as
    "Docker Engine 28.5.2"; stale: the fault of the CDI files, which explains what CDI devices lack.
    """
    make = GPUS[request.make]
    if stale and trial.refusal and "cdi" in f"{request.driver} {trial.refusal}".lower():
        engine = replace(stale, evidence=(*stale.evidence, trial.refusal.strip()))
        return engine, LayerVerdict(layer="container", state="not tried", says="the engine did not start one")
    if trial.refusal:
        refused = refusals.find_refusal(trial.refusal)
        engine = LayerVerdict(
            layer="engine",
            state="fails",
            says=refused.says,
            hint=refused.hint,
            issue=refused.issue,
            evidence=(trial.refusal.strip(),),
        )
        return engine, LayerVerdict(layer="container", state="not tried", says="the engine did not start one")
    if request.driver and not make.is_given(request, trial.drivers, trial.devices):
        engine = LayerVerdict(
            layer="engine",
            state="fails",
            says=NOT_GIVEN,
            hint=refusals.DROPPED,
            issue="gpu-not-in-container",
            evidence=(f"{title} dropped it",),
        )
        return engine, LayerVerdict(layer="container", state="not tried", says="the engine dropped the request")
    way = make.describe_way(request, trial.inside)
    container = _container(request, trial, make, expected)
    if stale and container.state == "fails" and "CDI" in way:
        return stale, container
    return LayerVerdict(layer="engine", state="works", says=f"{title} gives GPUs {way}"), container


def _container(request: GpuRequest, trial: GpuTrial, make: Make, expected: int | None) -> LayerVerdict:
    if trial.inside is None:
        return LayerVerdict(layer="container", state="not tried", says=trial.unseen)
    inside = trial.inside
    lack = _lack(request, trial, inside) or make.find_lack(request, inside, expected)
    shown = (*inside.nodes, *(inside.listing or ()))
    if lack:
        evidence = shown or ("no device file of a GPU",)
        return LayerVerdict(
            layer="container", state="fails", says=lack.says, hint=lack.hint, issue=lack.issue, evidence=evidence
        )
    return LayerVerdict(layer="container", state="works", says=f"it sees {', '.join(shown)}", evidence=shown)


def _lack(request: GpuRequest, trial: GpuTrial, inside: Inside) -> Lack | None:
    """Return what is missing of the device files that were requested, or that a CDI file promises; None if nothing."""
    wanted = (*(one for one in request.files if one.startswith("/")), *trial.promised)
    missing = [one for one in wanted if one not in inside.nodes]
    if missing:
        return Lack(says=f"it lacks {', '.join(missing)}", hint=refusals.DROPPED)
    if inside.closed:
        path = inside.closed[0]
        return Lack(
            says=f"its user can't open {', '.join(inside.closed)}",
            hint=f"Run `ls -l {path}` on the host and allow its group or all users to open it. {refusals.CPU}",
        )
    return None
