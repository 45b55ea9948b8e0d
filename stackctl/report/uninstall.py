"""`uninstall` as text and as JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from stackctl.report.failure import problem
from stackctl.terminal import command_line, shown_in_line

if TYPE_CHECKING:
    from typing import Literal

    from stackctl.commands.uninstall.remove import Outcome, Uninstalled
    from stackctl.core.uninstall.inventory import Inventory, Item, Kind
    from stackctl.report.contract import uninstall as contract
    from stackctl.ui import Ui

_ASKED: Final = {
    "stacks": ("Stop and remove", "stack", "chats and settings stay"),
    "images": ("Remove", "image", "a later deploy pulls or builds them again"),
    "programs": ("Delete", "program", "a later deploy downloads them again"),
    "models": ("Delete", "model", "`stackctl models pull` downloads them again"),
    "files": ("Delete", "other thing", "nothing of yours is in them"),
}


def inventory(found: "Inventory", ui: "Ui") -> str:
    """Return all that was found, before anything is asked."""
    if not found.items:
        return "nothing is here because of stackctl"
    rows = [("KIND", "NAME", "SIZE", "WHERE, AND WHY IT STAYS")]
    rows += [(one.kind, one.name, _size(one.size), _about(one)) for one in found.items]
    return ui.table(rows)


def question(kind: "Kind", items: "Sequence[Item]") -> str:
    """Return the question for a kind."""
    verb, noun, after = _ASKED[kind]
    sizes = [one.size for one in items if one.size]
    size = f", {_size(sum(sizes))}" if sizes else ""
    return f"{verb} {len(items)} {noun}{'s' if len(items) > 1 else ''}{size} ({after})?"


def uninstalled(done: "Uninstalled", ui: "Ui", *, is_dry: bool) -> "tuple[str, contract.Uninstalled]":
    """Return what became of each thing, and the commands that remain to the user."""
    parts = [_table(done, ui, is_dry=is_dry)] if done.outcomes else ["nothing is here because of stackctl"]
    setup = [f"sudo {command_line(*one)}" for one in done.found.ways_back]
    if setup:
        parts.append(
            "\n".join(["`stackctl setup` added programs to this machine. To take that back:", *_indented(setup)])
        )
    itself = command_line(*done.found.itself)
    freed = sum(one.item.size or 0 for one in done.outcomes if one.is_removed)
    total = f"{'would free' if is_dry else 'freed'} {_size(freed)}" if freed else "nothing was freed"
    parts.append("\n".join([total, f"to remove stackctl itself: {itself}"]))
    return "\n\n".join(parts), {
        "version": 1,
        "done": not is_dry,
        "things": [_thing(one) for one in done.outcomes],
        "freed_bytes": freed,
        "problems": [problem(one) for one in done.errors],
        "setup_commands": setup,
        "remove_command": itself,
        "exit_code": done.exit_code,
    }


def _table(done: "Uninstalled", ui: "Ui", *, is_dry: bool) -> str:
    rows = [("KIND", "NAME", "SIZE", "WOULD BE" if is_dry else "NOW", "WHERE, AND WHY IT STAYS")]
    rows += [
        (one.item.kind, one.item.name, _size(one.item.size), _action(one), _about(one.item, one.reason, one.left))
        for one in done.outcomes
    ]
    return ui.table(rows)


def _thing(one: "Outcome") -> "contract.Thing":
    return {
        "kind": one.item.kind,
        "name": one.item.name,
        "place": one.item.place or None,
        "size_bytes": one.item.size,
        "action": _action(one),
        "reason": one.reason or None,
        "left": list(one.left),
    }


def _action(one: "Outcome") -> 'Literal["removed", "kept", "failed"]':
    if one.is_removed:
        return "removed"
    return "failed" if one.error else "kept"


def _about(item: "Item", reason: str = "", left: Sequence[str] = ()) -> str:
    says = reason or item.stays
    stays = f"in the folder stay: {', '.join(left[:5])}{' ...' if len(left) > 5 else ''}" if left else ""
    return shown_in_line("; ".join(filter(None, (item.place, says, stays))))


def _size(size: int | None) -> str:
    if size is None:
        return "-"
    for unit, of in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= of:
            return f"{size / of:.1f} {unit}"
    return f"{size} B"


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"  {one}" for one in lines]
