"""Removes what the user agrees to, kind by kind; one thing that fails keeps no other from being removed."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stackctl.commands.models.stored import removable_model
from stackctl.commands.models.stored import remove as remove_model
from stackctl.commands.uninstall.look import model_items
from stackctl.core.hub.store import FOLDER as MODELS
from stackctl.core.tavern import container as tavern
from stackctl.core.uninstall.inventory import KINDS, Inventory, Item, Kind, image_items
from stackctl.errors import ConfigError, DataError, StackctlError
from stackctl.machine import Machine
from stackctl.steps.has_run import record_run
from stackctl.steps.uninstall.outside import is_inside
from stackctl.steps.uninstall.stack_folder import remove_chats

_GRACE_S: Final = 30  # seconds that a container gets to stop
_LOCK_S: Final = 60.0  # for another stackctl that works on a stack
_DECLINED: Final = "not agreed to"
_CHATS: Final = "chats go only with `--chats NAME`"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one thing. error: why it could not be removed; left: names that stay in a stack's folder."""

    item: Item
    is_removed: bool = False
    reason: str = ""  # why it stays
    error: StackctlError | None = None
    left: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Uninstalled:
    """What became of all that was found."""

    found: Inventory
    outcomes: tuple[Outcome, ...]

    @property
    def errors(self) -> tuple[StackctlError, ...]:
        """Return why something could not be looked at or removed."""
        return (*self.found.problems, *(one.error for one in self.outcomes if one.error))

    @property
    def exit_code(self) -> int:
        return self.errors[0].exit_code if self.errors else 0


def chosen_chats(found: Inventory, names: Sequence[str]) -> tuple[Item, ...]:
    """Return the chats of the stacks of these names; raise ConfigError if there are none, or if they are not ours."""
    chosen = []
    for name in dict.fromkeys(names):
        items = [one for one in found.of("chats") if one.name == name]
        if len(items) != 1:
            known = ", ".join(one.name for one in found.of("chats")) or "none"
            says = f"several folders have a stack {name!r}" if items else f"no stack {name!r} with chats was found"
            raise ConfigError(
                says,
                hint=f"Run `stackctl -C FOLDER uninstall` for a stack without containers. Stacks with chats: {known}.",
            )
        if items[0].stays:
            raise ConfigError(f"the chats of {name} stay: {items[0].stays}", hint="Remove them yourself if you want.")
        chosen += items
    return tuple(chosen)


def planned(found: Inventory, chats: Sequence[Item]) -> Uninstalled:
    """Return what would become of all if every question were answered yes; nothing is changed."""
    items = [one for kind in KINDS for one in found.of(kind)]
    outcomes = [Outcome(item=one, is_removed=not one.stays, reason=one.stays) for one in items]
    outcomes += [
        Outcome(item=one, is_removed=one in chats, reason="" if one in chats else one.stays or _CHATS)
        for one in found.of("chats")
    ]
    return Uninstalled(found=found, outcomes=tuple(outcomes))


def uninstall(
    machine: Machine, found: Inventory, chats: Sequence[Item], agrees: Callable[[Kind, tuple[Item, ...]], bool]
) -> Uninstalled:
    """Remove what `agrees` says yes to, and these chats, whose names the user has typed."""
    outcomes: list[Outcome] = []
    for kind in KINDS:
        items = _now(kind, found, outcomes, machine)
        outcomes += [Outcome(item=one, reason=one.stays) for one in items if one.stays]
        if going := tuple(one for one in items if not one.stays):
            outcomes += _removed(going, machine) if agrees(kind, going) else _declined(going)
    outcomes += _without_chats(found, chats, outcomes, machine)
    _tidy(machine)
    return Uninstalled(found=found, outcomes=tuple(outcomes))


def _now(kind: Kind, found: Inventory, outcomes: Sequence[Outcome], machine: Machine) -> tuple[Item, ...]:
    """Return the things of a kind, as they are after the stacks that went: whether others use them is known by now."""
    gone = frozenset(one.item.name for one in outcomes if one.item.kind == "stacks" and one.is_removed)
    try:
        if kind == "images" and found.of(kind):
            named = frozenset(name for one in found.of(kind) for name in one.keys)
            return tuple(image_items(machine.docker.content(), named, frozenset()))
        if kind == "models" and found.of(kind):
            return tuple(model_items(machine, gone))
    except StackctlError as error:
        return tuple(_kept(one, error.message) for one in found.of(kind))
    return found.of(kind)


def _kept(item: Item, why: str) -> Item:
    return Item(kind=item.kind, name=item.name, place=item.place, size=item.size, stays=item.stays or why)


def _declined(items: Sequence[Item]) -> Iterator[Outcome]:
    return (Outcome(item=one, reason=_DECLINED) for one in items)


def _removed(items: Sequence[Item], machine: Machine) -> Iterator[Outcome]:
    for one in items:
        machine.ui.status(f"removing {one.name}")
        try:
            _remove(one, machine)
        except StackctlError as error:
            yield Outcome(item=one, error=error, reason=error.message)
        else:
            yield Outcome(item=one, is_removed=True)


def _remove(item: Item, machine: Machine) -> None:
    if item.kind == "stacks":
        name, folder = item.keys
        _remove_stack(name, folder, machine)
        return
    if item.kind == "images":
        for name in item.keys:
            machine.docker.images.remove(name)
        return
    what, key = item.keys
    place = Path(key)
    if what == "model":
        remove_model(machine, removable_model(machine, key, force=True))
    elif what == "container":
        machine.docker.remove_container(key)
    elif what == "network":
        machine.docker.remove_network(key)
    elif what == "smoke":
        _remove_smoke(place, machine)
    elif what == "tree":
        machine.storage.remove(place, up_to=machine.storage.data)
    else:
        machine.storage.folder(place.parent).remove(place.name)


def _remove_stack(name: str, folder: str, machine: Machine) -> None:
    """Stop a stack's containers, the page first, and remove them with its networks; its folder stays."""
    with ExitStack() as held:
        if folder.startswith("/") and machine.storage.is_here(folder, machine.path):
            with suppress(DataError):  # another user's folder: then the name alone is held
                here = machine.at(Path(folder))
                held.enter_context(here.folder.locked(machine.ui.note, wait_s=_LOCK_S, writes=False))
                for target in machine.docker.run_by(name):
                    record_run(here, machine.run_by(target).docker.states(name))
        held.enter_context(machine.docker.claim(name, machine.ui.note))
        for docker in [machine.run_by(target).docker for target in machine.docker.run_by(name)]:
            for one in sorted(docker.containers(name), key=lambda one: one.service != tavern.NAME):
                docker.stop(one.id, _GRACE_S)
            docker.remove(name)


def _remove_smoke(home: Path, machine: Machine) -> None:
    """Remove the folder of smoke's stacks, unless one of them is being checked now."""
    for name in machine.storage.trees.names(home):
        if not is_inside(home / name, home) or not (home / name).is_dir():
            continue
        with machine.storage.folder(home / name).locked(machine.ui.note, wait_s=1.0):
            pass
    machine.storage.trees.remove(home)


def _without_chats(
    found: Inventory, chats: Sequence[Item], outcomes: Sequence[Outcome], machine: Machine
) -> Iterator[Outcome]:
    """Remove these chats, each after its stack; all others stay."""
    running = {one.item.name for one in outcomes if one.item.kind == "stacks" and not one.is_removed}
    for one in found.of("chats"):
        if one not in chats:
            yield Outcome(item=one, reason=one.stays or _CHATS)
        elif one.name in running:
            yield Outcome(item=one, reason="its stack still has containers")
        else:
            try:
                with machine.docker.claim(one.name, machine.ui.note) if _has_engine(found) else ExitStack():
                    left = remove_chats(one, machine)
            except StackctlError as error:
                yield Outcome(item=one, error=error, reason=error.message)
            else:
                yield Outcome(item=one, is_removed=True, left=left)


def _has_engine(found: Inventory) -> bool:
    return not found.problems


def _tidy(machine: Machine) -> None:
    """Remove stackctl's own folders that are empty now."""
    data = machine.storage.data
    for place in (data / MODELS, data / "programs", data):
        with suppress(StackctlError):
            if place.is_dir() and not machine.storage.trees.names(place):
                machine.storage.remove(place, up_to=place.parent)
