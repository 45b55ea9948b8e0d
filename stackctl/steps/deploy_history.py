"""Record each successful deploy of this folder in a separate file, after the start."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from stackctl import __version__
from stackctl.core import history
from stackctl.core.gpu.offload import Offload
from stackctl.core.history import FileUsed, GpuUsed, ImageUsed, Record
from stackctl.core.hub.store import StoredModel
from stackctl.core.model.model import ModelSeen
from stackctl.core.observed import Observed
from stackctl.core.plan.images import unpinned
from stackctl.core.plan.stack import Plan
from stackctl.errors import StackctlError
from stackctl.machine import Machine
from stackctl.steps.config_request import read_lock
from stackctl.steps.prove import Proof
from stackctl.steps.recorded_deploys import numbers, place


def _now() -> datetime:
    return datetime.now(UTC)


def record_deploy(
    plan: Plan,
    seen: Observed,
    machine: Machine,
    *,
    ready_s: float | None,
    proof: Proof | None,
    offload: Offload | None = None,
    clock: Callable[[], datetime] = _now,
) -> None:
    """Record what was started. If that fails, print a note only: the stack runs all the same."""
    try:
        known = numbers(machine)
        record = _record(plan, seen, machine, ready_s=ready_s, proof=proof, now=clock())
        record = _with_offload(record, offload) if offload else record
        number = max(known, default=0) + 1
        machine.folder.write(place(number), history.dump(record), mode=0o600)
        for old in sorted((*known, number))[: -history.KEPT]:
            machine.folder.remove(place(old))
    except StackctlError as error:
        machine.ui.warn(f"this deploy could not be recorded in the history: {error.message}")


def _record(
    plan: Plan, seen: Observed, machine: Machine, *, ready_s: float | None, proof: Proof | None, now: datetime
) -> Record:
    published, program = plan.sillytavern.publish, seen.programs.get(plan.program)
    return Record(
        time=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        stackctl=__version__,
        target=machine.orchestrator.name,
        inputs=read_lock(machine).rendered.get("inputs", ""),
        backend=plan.backend,
        model=plan.model_name,
        context=plan.context,
        kv_cache=plan.kv_cache,
        gpu_layers=plan.gpu_layers,
        port=published[0].port if published else None,
        images=tuple(_images(plan, machine)),
        model_files=tuple(_model_files(seen.model, machine)),
        program=_program(program, machine) if program else None,
        ready_s=ready_s and round(ready_s, 2),
        first_token_s=round(proof.reply.first_s, 3) if proof else None,
        tokens_per_s=round(proof.tokens_per_s, 1) if proof and proof.tokens_per_s else None,
    )


def _with_offload(record: Record, offload: Offload) -> Record:
    layers = offload.layers
    gpus = tuple(
        GpuUsed(
            uuid=one.uuid,
            name=one.name,
            planned_mib=one.planned_mib,
            seen_mib=one.seen_mib,
            is_by_process=one.held_mib is not None,
        )
        for one in offload.gpus
    )
    if layers is None:
        return replace(record, gpus=gpus)
    return replace(record, layers_on_gpu=layers.layers, layers=layers.of, gpus=gpus)


def _images(plan: Plan, machine: Machine) -> Iterator[ImageUsed]:
    states, recorded = machine.orchestrator.states(plan.name), read_lock(machine).digests
    for service in plan.services:
        state, digest = states.get(service.name), machine.docker.images.digest(service.image) or ""
        runs = state.image_id if state else ""
        name = unpinned(service.image, recorded)
        yield ImageUsed(service=service.name, name=name, id=runs, digest="" if digest == runs else digest)


def _model_files(model: ModelSeen, machine: Machine) -> Iterator[FileUsed]:
    """Give each file of the model, with its checksum if stackctl pulled it: computing one takes minutes for 40 GB."""
    known = _pulled(model, machine)
    for file in model.files:
        sha256 = known.get((file.host, file.size), "")
        yield FileUsed(path=str(file.host), size=file.size, modified_ns=file.modified_ns, sha256=sha256)


def pulled_model(model: ModelSeen, machine: Machine) -> StoredModel | None:
    """Return the record of a model in stackctl's own store; None for any other model."""
    if not model.files:
        return None
    store, first = PurePosixPath(machine.storage.library.folder.resolve()), model.files[0]
    place = first.host.parents[len(PurePosixPath(first.name).parts) - 1] if model.is_folder else first.host
    return machine.storage.library.at(place.relative_to(store)) if place.is_relative_to(store) else None


def _pulled(model: ModelSeen, machine: Machine) -> dict[tuple[PurePosixPath, int], str]:
    """Return (path, size) -> sha256 when it was pulled, for a model in stackctl's store; {} for any other model."""
    store, kept = PurePosixPath(machine.storage.library.folder.resolve()), pulled_model(model, machine)
    return {(store / kept.root / one.name, one.size): one.sha256 for one in kept.files} if kept else {}


def _program(path: PurePosixPath, machine: Machine) -> FileUsed:
    size, modified_ns, sha256 = 0, 0, ""
    with suppress(StackctlError):
        size, modified_ns = machine.folder.size_and_time(str(path)) or (0, 0)
        sha256 = machine.storage.programs.known_sha256(Path(path))
    return FileUsed(path=str(path), size=size, modified_ns=modified_ns, sha256=sha256)
