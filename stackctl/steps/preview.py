"""Look at what a deploy would do, without doing any of it."""

from pathlib import Path

from stackctl import backends
from stackctl.core.config import stack_toml
from stackctl.core.plan.change import Change
from stackctl.core.plan.images import OWN
from stackctl.core.plan.preview import Download, FileAction, FileStep, ImageStep, Preview
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern.profiles import ModelProfile
from stackctl.machine import Machine
from stackctl.steps.keep_data import needs_copy
from stackctl.steps.seed_tavern import may_write_settings
from stackctl.steps.situation import Phase
from stackctl.steps.tavern_folder import data_path
from stackctl.steps.write_stack import is_as_written, kept_text


def preview(phase: Phase, profiles: tuple[ModelProfile, ...], machine: Machine, *, replan: bool) -> Preview:
    """Return what a deploy of this phase would do; nothing is written, fetched or started."""
    plan = phase.plan
    pending = phase.pending if phase.pending and phase.pending.is_away else None
    text = kept_text(phase.planned, machine, replan=replan) or phase.text
    return Preview(
        folder=str(machine.place),
        settings=phase.now.wanted.changes,
        files=_files(phase, text, machine),
        images=_images(phase, machine),
        model=Download(name=pending.model.name, source=pending.source, size=pending.model.size) if pending else None,
        program=_program(phase),
        containers=_containers(phase.plan, text, machine),
        has_demo=bool(pending and phase.now.observed.is_new),
        copies_data=needs_copy(plan, machine),
        follows_settings=may_write_settings(plan, profiles, machine),
        data=data_path(plan),
    )


def _files(phase: Phase, compose: str, machine: Machine) -> tuple[FileStep, ...]:
    texts = {stack_toml.FILE: phase.now.wanted.text, machine.orchestrator.file: compose}
    return tuple(FileStep(name=name, action=_file_action(name, text, machine)) for name, text in texts.items())


def _file_action(name: str, text: str | None, machine: Machine) -> FileAction:
    now = machine.folder.read(name)
    if now is None:
        return "create"
    if text in {None, now}:
        return "keep"
    return "change" if name == stack_toml.FILE or is_as_written(machine) else "replace"


def _images(phase: Phase, machine: Machine) -> tuple[ImageStep, ...]:
    images, found = machine.docker.images, []
    for name in dict.fromkeys(service.image for service in phase.plan.services):
        services = tuple(service.name for service in phase.plan.services if service.image == name)
        if images.digest(name) is not None:
            found.append(ImageStep(services=services, name=name, action="keep"))
        elif name in OWN:
            found.append(ImageStep(services=services, name=name, action="build"))
        else:
            found.append(ImageStep(services=services, name=name, action="pull", size=images.packed_bytes(name)))
    return tuple(found)


def _program(phase: Phase) -> Download | None:
    """The backend's program, where its image carries none and it is not here yet."""
    plan = phase.plan
    path = phase.now.observed.programs.get(plan.program)
    if not plan.backend_service or path is None or Path(path).exists():
        return None
    known = backends.find_backend(plan.backend).PROGRAMS.get(plan.program)
    source = known.url if known else phase.now.wanted.spec.backend.program
    return Download(name=path.name, source=source, size=known.size if known else 0)


def _containers(plan: Plan, compose: str, machine: Machine) -> tuple[Change, ...]:
    """Every service's container, those that are left as they are at last."""
    before = machine.folder.read(machine.orchestrator.file) or ""
    changes = machine.orchestrator.changes(plan.name, before, compose)
    touched = {change.service for change in changes}
    left = (service.name for service in plan.services if service.name not in touched)
    why = "it runs, and its settings stay"
    return (*changes, *(Change(service=name, action="leave", reason=why) for name in left))
