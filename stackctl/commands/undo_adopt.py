"""`stackctl adopt --undo`: newer chats go back to where they came from, the stack's former folder returns."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stackctl.commands.adopt import data_folder, refuse_in_use
from stackctl.core.adoption import layout as adoption
from stackctl.core.adoption import record as adopted_record
from stackctl.core.config.files import STATE
from stackctl.errors import ConfigError, DataError
from stackctl.machine import Machine
from stackctl.ports.disk import Leaf
from stackctl.steps.config_request import load_config
from stackctl.steps.former_stack import forget_former
from stackctl.steps.private_folders import keep_out_of_git
from stackctl.steps.seed_tavern import RECORD as SEEDED
from stackctl.steps.tavern_folder import shared_folder

_MOST_RECORD_BYTES = 256 << 20  # it has a line for each adopted file


@dataclass(frozen=True, kw_only=True)
class Return:
    """A file that goes back. `how`: new, newer (than the original, which nobody changed), or beside (both changed)."""

    leaf: Leaf
    to: Path
    how: str


@dataclass(frozen=True, kw_only=True)
class Undoing:
    """What an undo would do. `before`: the stack's former folder; None: it had none."""

    source: Path
    target: Path
    before: Path | None
    returns: tuple[Return, ...]
    homeless: tuple[str, ...]  # new or newer, without a place in the original's layout
    lost: tuple[str, ...]  # links, which are not followed, and what is no file
    seeded: str | None  # the stack's former record of the settings


@dataclass(frozen=True, kw_only=True)
class Undone:
    """An undo that was carried out. `aside`: where the adopted folder is now, whole."""

    source: Path
    returns: tuple[Return, ...]
    aside: Path
    replaced: Path | None  # where the originals lie that newer ones took the place of


def prepare(machine: Machine) -> Undoing:
    """Compare the adopted folder with where it came from. Changes nothing."""
    target, tree = data_folder(machine), machine.storage.trees
    text = shared_folder(machine, str(target)).read(f"{target}/{adoption.RECORD}", most=_MOST_RECORD_BYTES)
    if text is None:
        raise ConfigError(
            f"{target} was not adopted", hint="there is nothing to undo; stackctl adopt FOLDER adopts one"
        )
    record = adopted_record.parse(text, str(target / adoption.RECORD))
    source, pieces, sums = Path(record.source), record.pieces, record.sums
    before = target.with_name(record.aside) if record.aside else None
    elsewhere = [one.source for one in pieces if one.source.startswith("/") and one.target.partition("/")[0] == "data"]
    for path in (str(source), *elsewhere):
        if not tree.existing(source, (path,)):
            raise DataError(f"{path} is not there any more", hint="Mount its disk or share; nothing was changed.")
    refuse_in_use(machine, target, source, *(source / piece.source for piece in pieces))
    returns: list[Return] = []
    homeless: list[str] = []
    reach = tree.reach(machine.folder.owner, closed=target)
    found = tree.walk(target / "data", "data", within=target, reach=reach)
    for leaf in found.files:
        if not adoption.is_brought(leaf.target):
            continue
        if origin := adoption.origin_of(leaf.target, pieces):
            returns += _returned(leaf, source / origin, sums.get(leaf.target, ""), machine)
        elif leaf.target not in sums:
            homeless.append(leaf.target)
    for folder in dict.fromkeys(one.to.parent for one in returns):
        tree.refuse_foreign(folder, machine.folder.owner)
    _refuse_full(returns, machine)
    return Undoing(
        source=source,
        target=target,
        before=before if before and before.exists() else None,
        returns=tuple(returns),
        homeless=tuple(homeless),
        lost=tuple(str(path.relative_to(target)) for path in found.lost),
        seeded=record.seeded,
    )


def undo(machine: Machine, found: Undoing) -> Undone:
    """Bring the files back, then put the stack's former folder in its place. A rerun after an interruption goes on."""
    tree = machine.storage.trees
    replaced = tree.free_name(machine.path / STATE / "replaced")
    with machine.folder.locked(machine.ui.note):
        refuse_in_use(machine, found.target, found.source)
        keep_out_of_git(machine, load_config(machine, {}).spec)
        for one in found.returns:
            if one.how == "newer":
                kept = replaced / one.to.relative_to(one.to.anchor)
                tree.bring(_original(one.to, machine), machine.folder, str(kept.relative_to(machine.folder.path)))
            tree.refuse_foreign(one.to.parent, machine.folder.owner)
            there = machine.storage.folder(one.to.parent, links_of=machine.folder.owner)
            tree.bring(one.leaf, there, one.to.name)
        if found.before and found.seeded is not None:
            machine.folder.write(SEEDED, found.seeded)
        forget_former(machine)  # of a killed deploy: its settings are none of that folder's
        aside = tree.take_away(found.target, found.before)
    return Undone(
        source=found.source,
        returns=found.returns,
        aside=aside,
        replaced=replaced if any(one.how == "newer" for one in found.returns) else None,
    )


def _original(path: Path, machine: Machine) -> Leaf:
    trees = machine.storage.trees
    return trees.leaf(path, trees.reach(machine.folder.owner))


def _refuse_full(returns: Iterable[Return], machine: Machine) -> None:
    """Raise DoesNotFit unless each disk has room for all that goes there, originals that are replaced among it."""
    disks: dict[int, list[tuple[Path, int, str]]] = {}
    for one in returns:
        copies = [(one.to.parent, one.leaf.size, one.leaf.target)]
        if one.how == "newer":
            copies.append((machine.path, one.to.stat().st_size, str(one.to)))
        for folder, size, name in copies:
            disks.setdefault(machine.storage.trees.disk(folder), []).append((folder, size, name))
    for copies in disks.values():
        _, size, largest = max(copies, key=lambda one: one[1])
        hint = f"Free some space; or move the largest file away, if it is not yours: {largest} ({size >> 20} MiB)."
        machine.storage.trees.refuse_full(copies[0][0], sum(size for _, size, _ in copies), hint)


def _returned(leaf: Leaf, original: Path, adopted: str, machine: Machine) -> Iterator[Return]:
    """How one file goes back: not at all where it is as it was, or there already. `adopted`: its sha256 then, or "".

    A file that can be told by its size is not read: a container may have made it as large as it liked.
    """
    tree = machine.storage.trees
    reach = tree.reach(machine.folder.owner)

    @cache
    def now() -> str:
        machine.ui.progress(f"comparing {leaf.target} ({leaf.size >> 20} MiB)")
        return tree.leaf_sha256(leaf)

    def is_at(other: Path) -> bool:
        return other.stat().st_size == leaf.size and tree.sha256(other, reach) == now()

    there = tree.sha256(original, reach)
    if there and is_at(original):
        return
    if there and there == adopted:
        yield Return(leaf=leaf, to=original, how="newer")
    elif adopted and now() == adopted:
        return
    elif not original.exists():
        yield Return(leaf=leaf, to=original, how="new")
    else:
        number = 1
        while (beside := Path(adoption.name_apart(str(original), number))).exists():
            if is_at(beside):  # brought by an undo that was interrupted
                return
            number += 1
        yield Return(leaf=leaf, to=beside, how="beside")
