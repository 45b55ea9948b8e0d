"""Looks for all that is on this machine because of stackctl; changes nothing."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from stackctl.commands.models.stored import Entry, stored_models
from stackctl.core.catalogue import stored as catalogue
from stackctl.core.setup.record import FILE as SETUP
from stackctl.core.setup.record import way_back
from stackctl.core.smoke import location as smoke_location
from stackctl.core.uninstall.content import EngineContent, projects
from stackctl.core.uninstall.inventory import Inventory, Item, image_items
from stackctl.errors import StackctlError
from stackctl.machine import Machine
from stackctl.steps.setup.record import recorded
from stackctl.steps.uninstall.outside import is_inside
from stackctl.steps.uninstall.sizes import size_of
from stackctl.steps.uninstall.stack_folder import adopted_from, chats_item
from stackctl.steps.uninstall.stacks_here import StackHere, stacks_here

_PROGRAMS: Final = "programs"
_LINKED: Final = "it lies behind a link"
_PARTS: Final = (".part", ".part.json", ".taken")  # of an interrupted download


def look(machine: Machine) -> Inventory:
    """Return what is here."""
    problems: list[StackctlError] = []
    items: list[Item] = []
    stacks: tuple[StackHere, ...] = ()
    try:
        content = machine.docker.content()
        stacks = stacks_here(content, machine)
        items += [*stack_items(stacks, content), *leftover_items(content)]
        named = frozenset(image for one in stacks for image in one.images)
        items += image_items(content, named, _going(items))
    except StackctlError as error:
        problems.append(error)
        stacks = stacks_here(EngineContent(), machine)
    for part in (_programs(machine), model_items(machine, _going(items)), _files(machine)):
        try:
            items += part
        except StackctlError as error:
            problems.append(error)
    items += _chats(stacks, machine)
    ways_back: list[tuple[str, ...]] = []
    with suppress(StackctlError):
        ways_back = [one for added in reversed(recorded(machine)) for one in way_back(added)]
    return Inventory(
        items=tuple(items),
        ways_back=tuple(ways_back),
        itself=machine.system.installer(),
        problems=tuple(problems),
    )


def stack_items(stacks: tuple[StackHere, ...], content: EngineContent) -> Iterator[Item]:
    """Give the stacks that have containers, by name; one whose name another folder uses, too, stays."""
    ours = {(one.name, one.folder) for one in stacks}
    for name in dict.fromkeys(one.name for one in stacks if one.has_containers):
        folders = [folder for one, folder in projects(content) if one == name]
        others = [folder for folder in folders if (name, folder) not in ours]
        found = next(one for one in stacks if one.name == name)
        volumes = [volume for volume, project in content.volumes if project == name]
        about = " (the folder is gone)" if found.is_gone else " (of `stackctl smoke`)" if found.is_smoke else ""
        about += f" (its volumes stay: {', '.join(volumes)})" if volumes else ""
        stays = f"the project in {others[0]} has the same name" if others else ""
        yield Item(kind="stacks", name=name, place=f"{found.folder}{about}", stays=stays, keys=(name, found.folder))


def leftover_items(content: EngineContent) -> Iterator[Item]:
    """Give the temporary containers and networks that a stackctl which was killed left."""
    for container in content.containers:
        if container.made_by and container.state != "running":
            yield Item(
                kind="files", name=container.name, place="a container on the engine", keys=("container", container.id)
            )
    for network in content.networks:
        if network.made_by and not network.is_used:
            yield Item(kind="files", name=network.name, place="a network of the engine", keys=("network", network.id))


def _going(items: list[Item]) -> frozenset[str]:
    return frozenset(one.name for one in items if one.kind == "stacks" and not one.stays)


def _programs(machine: Machine) -> Iterator[Item]:
    trees, folder = machine.storage.trees, machine.storage.data / _PROGRAMS
    for backend in trees.names(folder):
        for version in trees.names(folder / backend):
            place = folder / backend / version
            stays = "" if is_inside(place, machine.storage.data) else _LINKED
            yield Item(
                kind="programs", name=f"{backend} {version}", place=str(place), size=size_of(place, machine),
                stays=stays, keys=("tree", str(place)),
            )  # fmt: skip


def model_items(machine: Machine, going: frozenset[str]) -> Iterator[Item]:
    """Give the models that were pulled; one that a stack uses stays, unless the stack is in `going`."""
    for entry in stored_models(machine):
        users = [one for one in entry.users or () if one not in {*going, str(machine.path)}]
        stays = f"used by {', '.join(users)}" if users else ""
        if entry.users is None:
            stays = "the engine does not say whether a stack uses it"
        yield Item(
            kind="models", name=entry.name, place=str(entry.path), size=_freed(entry, machine), stays=stays,
            keys=("model", entry.name),
        )  # fmt: skip
    folder = machine.storage.library.folder
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.name.endswith(_PARTS) and path.is_file():
            yield Item(
                kind="models", name=f"{path.name} (interrupted)", place=str(path), size=path.stat().st_size,
                keys=("part", str(path)),
            )  # fmt: skip


def _freed(entry: Entry, machine: Machine) -> int:
    """Return the bytes that its removal frees: another program's cache keeps a file that it has, too."""
    root = machine.storage.library.path(entry.kept.root)
    found = [(root / file.name).stat() for file in entry.kept.files if (root / file.name).is_file()]
    return sum(one.st_size for one in found if one.st_nlink == 1)


def _files(machine: Machine) -> Iterator[Item]:
    data = machine.storage.data
    names = machine.storage.trees.names(data)
    if catalogue.FILE in names:
        place = data / catalogue.FILE
        yield Item(
            kind="files",
            name="the newer catalogue",
            place=str(place),
            size=size_of(place, machine),
            keys=("file", str(place)),
        )
    if SETUP in names:
        says = "`stackctl setup --undo` needs it"
        yield Item(kind="files", name="the record of `stackctl setup`", place=str(data / SETUP), stays=says)
    temporary = Path(machine.system.temporary())
    home = f"{smoke_location.HOME}-{machine.system.user().uid}"
    if home in machine.storage.trees.names(temporary):
        place = temporary / home
        stays = "" if is_inside(place, temporary) else _LINKED
        yield Item(
            kind="files",
            name="the folder of `stackctl smoke`",
            place=str(place),
            size=size_of(place, machine),
            stays=stays,
            keys=("smoke", str(place)),
        )


def _chats(stacks: tuple[StackHere, ...], machine: Machine) -> Iterator[Item]:
    for one in stacks:
        item = chats_item(one, machine)
        if item and not one.is_smoke:
            source = adopted_from(item, machine)
            about = f"{item.place} (adopted from {source}, which stays)" if source else item.place
            yield Item(kind="chats", name=item.name, place=about, size=item.size, stays=item.stays, keys=item.keys)
