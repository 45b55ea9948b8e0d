"""The stacks that are here: those that have containers on this engine, and the one of the folder at hand."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stackctl.core import history
from stackctl.core.plan import plan_json
from stackctl.core.smoke import location as smoke_location
from stackctl.core.uninstall.content import EngineContent, of_project, projects
from stackctl.core.uninstall.inventory import known_repositories, repository_of
from stackctl.errors import StackctlError
from stackctl.machine import Machine
from stackctl.steps.own_name import is_gone
from stackctl.steps.recorded_deploys import recorded_deploys

_MOST_BYTES = 4 << 20


@dataclass(frozen=True, kw_only=True)
class StackHere:
    """A stack. folder: as its containers have it; is_here: the folder is on this disk, and holds this stack's plan.

    is_smoke: `stackctl smoke --up` left it. images: what its plans and records name.
    """

    name: str
    folder: str
    is_here: bool
    is_gone: bool
    is_smoke: bool
    has_containers: bool
    images: frozenset[str]
    data: str = ""  # SillyTavern's data folder: absolute, or relative to the folder; "" if unknown


def stacks_here(content: EngineContent, machine: Machine) -> tuple[StackHere, ...]:
    """Return the stacks, by name. A project counts only if its plan or its SillyTavern shows that it is stackctl's."""
    found = [one for name, folder in projects(content) if (one := _stack(name, folder, content, machine))]
    if not any(one.folder == str(machine.path) for one in found) and (here := _without_containers(machine)):
        found.append(here)
    return tuple(sorted(found, key=lambda one: (one.name, one.folder)))


def _stack(name: str, folder: str, content: EngineContent, machine: Machine) -> StackHere | None:
    sees = machine.docker.is_local and machine.docker.own_binds is None and folder.startswith("/")
    planned = _planned(name, Path(folder), machine) if sees and not is_gone(folder) else None
    containers = of_project(content, name)
    if planned is None and not any(one.is_marked for one in containers) and (name, folder) not in content.stacks:
        return None
    known = known_repositories()
    running = {one.image for one in containers if repository_of(one.image) in known}
    images, data = planned or (frozenset(), "")
    return StackHere(
        name=name,
        folder=folder,
        is_here=planned is not None,
        is_gone=sees and is_gone(folder),
        is_smoke=smoke_location.is_left_over(folder, name),
        has_containers=True,
        images=images | running,
        data=data,
    )


def _without_containers(machine: Machine) -> StackHere | None:
    name = ""
    with suppress(StackctlError):
        name = plan_json.name(machine.folder.read(plan_json.FILE, errors="replace") or "", machine.place)
    planned = _planned(name, machine.path, machine) if name else None
    if planned is None:
        return None
    images, data = planned
    return StackHere(
        name=name, folder=str(machine.path), is_here=True, is_gone=False, is_smoke=False, has_containers=False,
        images=images, data=data,
    )  # fmt: skip


def _planned(name: str, folder: Path, machine: Machine) -> tuple[frozenset[str], str] | None:
    """Return the images that a folder's plan and records name, and its data folder; None without this stack's plan."""
    with suppress(StackctlError):
        there = machine.storage.folder(folder)
        text = there.read(plan_json.FILE, most=_MOST_BYTES, errors="replace") or ""
        if plan_json.name(text, machine.at(folder).place) != name:
            return None
        images, data = frozenset[str](), ""
        with suppress(StackctlError):
            plan = plan_json.parse(text, machine.at(folder).place, lambda _: "")
            if plan:
                images, data = frozenset(one.image for one in plan.services), str(Path(plan.folders[0]).parent)
        return images | frozenset(_recorded(machine.at(folder))), data
    return None


def _recorded(machine: Machine) -> Iterator[str]:
    """Give the images of the recorded deploys."""
    with suppress(StackctlError):
        for _, record in recorded_deploys(machine):
            yield from (_pinned(one) for one in record.images)


def _pinned(one: history.ImageUsed) -> str:
    return f"{one.name}@{one.digest}" if one.digest and "@" not in one.name else one.name
