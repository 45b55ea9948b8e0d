"""`status` as text."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from stackctl.core.plan.model_run import describe_layers
from stackctl.report.trouble import trouble_text

if TYPE_CHECKING:
    from stackctl.commands.status import Status
    from stackctl.report.contract import stack
    from stackctl.steps.memory_now import GpuNow
    from stackctl.ui import Ui

_NAMES = 3  # of other programs on a GPU
_STATES = {"asleep": "ready, asleep", "partial": "partly stopped"}


def status(now: "Status", ui: "Ui") -> "tuple[str, stack.Status]":
    """Return one row per service, what the model holds, what is wrong, and what to do next."""
    blocks = [ui.table([*_services(now)])]
    if facts := [*_facts(now)]:
        blocks.append(ui.table(facts, has_head=False))
    hints = [one.hint for one in now.troubles]
    if backend := now.backend:
        says = (
            trouble_text(backend.problem, backend.hint, backend.issue)
            if backend.problem
            else f"it answers with {backend.model}"
        )
        blocks.append(f"{backend.title}, elsewhere at {backend.url}: {says}")
        hints += [backend.hint] if backend.problem else []
    blocks += [trouble_text(ui.text(one.problem), one.hint, one.issue) for one in now.troubles]
    if error := now.memory.gpu_error:
        blocks.append(trouble_text(ui.text(error.message), error.hint, error.issue))
        hints.append(error.hint)
    blocks.append("\n".join(_summary(now, hints)))
    from stackctl.report.status_json import status_values

    return "\n\n".join(blocks), status_values(now)


def _services(now: "Status") -> Iterator[tuple[str, ...]]:
    """Give one row per service; with its machine, if one of them runs on another."""
    several = any(one.machine for one in now.services)
    yield ("SERVICE", "STATE", "HEALTH", "RESTARTS", *(["MACHINE"] if several else []), "IMAGE")
    for one in now.services:
        place = [one.machine or "this one"] if several else []
        yield (one.name, one.state, one.health or "-", str(one.restarts), *place, one.image)
    for name in now.missing:
        yield (name, "missing", "-", "-", *(["-"] if several else []), "-")


def state_word(state: str) -> str:
    """Return a state as people read it."""
    return _STATES.get(state, state)


def gib(mib: float) -> str:
    """Return an amount of memory as people read it."""
    return f"{mib / 1024:.1f} GiB" if mib >= 1024 else f"{mib:.0f} MiB"


def _summary(now: "Status", hints: list[str]) -> Iterator[str]:
    """Give the verdict, and what to do next unless it is the one hint above."""
    yield f"{now.name} is {state_word(now.state)}: {now.url}" if now.is_ready else f"{now.name} is not ready"
    if now.is_ready and now.template:
        yield now.template
    if now.next_step and hints != [now.next_step]:
        yield f"next: {now.next_step}"


def _facts(now: "Status") -> Iterator[tuple[str, str]]:
    """Give what the model is, where it is, what it holds, and how fast it is."""
    if now.run:
        label = now.run.quantisation
        yield "model", f"{now.run.name} ({label})" if label and label not in now.run.name.upper() else now.run.name
        if now.run.context:
            yield "context", f"{now.run.context} tokens"
        if now.runs_backend:
            yield "layers", describe_layers(now.run)
    gpus = now.memory.gpus
    for number, gpu in enumerate(gpus):
        yield f"GPU {number}" if len(gpus) > 1 else "GPU", ", ".join(_gpu(gpu))
    ram, own = now.memory.ram, now.memory.ram_mib
    parts = [f"{gib(own)} this stack"] if own is not None else []
    parts += [f"{gib(ram.free_mib)} of {gib(ram.total_mib)} free"] if ram else []
    if parts:
        yield "RAM", ", ".join(parts)
    if now.pace:
        yield "speed", f"{now.pace:.1f} tokens/s in the answer seen last"
    if now.proof and now.proof.tokens_per_s is not None:
        yield "proven" if now.pace else "speed", f"{now.proof.tokens_per_s:.1f} tokens/s, proven {now.proof.time}"
    for number, url in enumerate(now.urls):
        yield "addresses" if not number and now.urls[1:] else "" if number else "address", url


def _gpu(gpu: "GpuNow") -> Iterator[str]:
    """Give what a GPU holds, for whom, and what it does."""
    read = gpu.reading
    if read.is_suspended:
        yield f"{read.name or 'a GPU'} is off until a program uses it"
        return
    name = read.name or read.uuid
    yield f"{name}: {gib(gpu.own_mib)} this stack" if gpu.own_mib is not None else name
    names = list(dict.fromkeys(one.name or f"process {one.pid}" for one in gpu.others))
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    shown = f"{', '.join(names[:_NAMES])}{more}"
    if gpu.others_mib and read.total_mib:
        yield f"{gib(gpu.others_mib)} others ({shown})" if names else f"{gib(gpu.others_mib)} others"
    elif names and gpu.own_mib is None:
        yield f"held by {shown}"
    if read.total_mib:
        yield f"{gib(read.free_mib)} of {gib(read.total_mib)} free"
    if read.utilisation is not None:
        yield f"{read.utilisation} % busy"
    if read.temperature_c is not None:
        yield f"{read.temperature_c} C"
    if read.power_w is not None:
        yield f"{read.power_w:.0f} W"
