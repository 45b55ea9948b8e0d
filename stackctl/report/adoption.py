"""What `adopt` and `adopt --undo` do, as words and as JSON."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stackctl.commands.adopt import Adopted, Adoption
    from stackctl.commands.undo_adopt import Undoing, Undone
    from stackctl.core.adoption.layout import Row
    from stackctl.report.contract import moving
    from stackctl.ui import Ui

_HOW = {
    "new": "new",
    "newer": "newer; the unchanged original is kept in .stackctl/",
    "beside": "both changed: the original stays, and this one is put next to it",
}


def to_adopt(found: "Adoption", ui: "Ui") -> "tuple[str, moving.Adoption]":
    """Return the table that is shown before anything is copied."""
    rows = [("WHAT", "FOUND", "ACTION")]
    rows += [(one.what, _amount(one.files, one.size) if one.files else "-", _becomes(one)) for one in found.rows]
    lines = [f"{found.source}: {found.layout.title}", "", ui.table(rows)]
    lines += ["", *(ui.text(f"- {note}") for note in found.notes)] if found.notes else []
    values: moving.Adoption = {
        "version": 1,
        "done": False,
        "source": str(found.source),
        "target": str(found.target),
        "layout": found.layout.title,
        "parts": [
            {
                "name": one.what,
                "files": one.files,
                "size_bytes": one.size,
                "action": one.action,
                "changed": one.is_changed,
                "reason": one.reason or None,
            }
            for one in found.rows
        ],
        "notes": list(found.notes),
        "files": sum(one.files for one in found.rows),
        "former_folder": None,
    }
    return "\n".join(lines), values


def adopted(done: "Adopted", values: "moving.Adoption") -> "tuple[str, moving.Adoption]":
    """Return the end of an adoption."""
    lines = [f"adopted: {done.files} files are in {done.target}; the original is untouched"]
    if done.aside:
        lines.append(f"the stack's previous folder is kept as {done.aside}")
    lines.append("next: stackctl deploy")
    values["done"], values["files"] = True, done.files
    values["former_folder"] = str(done.aside) if done.aside else None
    return "\n".join(lines), values


def to_undo(found: "Undoing", ui: "Ui") -> "tuple[str, moving.Undoing]":
    """Return the table that is shown before anything is brought back."""
    lines = [f"to bring back to {found.source}:"]
    if found.returns:
        rows = [("FILE", "HOW", "TO"), *((one.leaf.target, _HOW[one.how], str(one.to)) for one in found.returns)]
        lines += ["", ui.table(rows)]
    else:
        lines.append("no chat or character here is newer than the one there")
    lines += [f"not copied, because that layout has no place for it: {name}" for name in found.not_adopted]
    lines += [f"not copied: {name} is a link, or is not a regular file" for name in found.lost]
    former = f"{found.before} is restored" if found.before else "the stack had no SillyTavern before: it will be empty"
    lines += ["", f"- {former}"]
    values: moving.Undoing = {
        "version": 1,
        "done": False,
        "target": str(found.source),
        "returns": [{"file": one.leaf.target, "action": one.how, "target": str(one.to)} for one in found.returns],
        "not_adopted": list(found.not_adopted),
        "not_files": list(found.lost),
        "former_folder": str(found.before) if found.before else None,
        "adopted_folder": None,
        "replaced_folder": None,
    }
    return "\n".join(lines), values


def undone(done: "Undone", values: "moving.Undoing") -> "tuple[str, moving.Undoing]":
    """Return the end of an undo."""
    lines = [f"undone: {len(done.returns)} files went back to {done.source}"]
    if done.replaced:
        lines.append(f"the files that they replaced are kept in {done.replaced}")
    lines.append(f"the adopted folder is kept as {done.aside}")
    values["done"], values["adopted_folder"] = True, str(done.aside)
    values["replaced_folder"] = str(done.replaced) if done.replaced else None
    return "\n".join(lines), values


def _amount(files: int, size: int) -> str:
    amount = f"{size / (1 << 20):.1f} MiB" if size >= 1 << 20 else f"{-(-size // 1024)} KiB"
    return f"{files} {'file' if files == 1 else 'files'}, {amount}"


def _becomes(row: "Row") -> str:
    words = {"copied": "taken", "converted": "taken, converted", "not_adopted": f"left: {row.reason}"}
    return words[row.action] + (", changed as said below" if row.is_changed else "")
