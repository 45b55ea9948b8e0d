"""`ls` as text and as JSON."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from stackctl.report.status_json import model_values
from stackctl.report.status_text import gib, state_word
from stackctl.report.trouble import trouble_text, trouble_values

if TYPE_CHECKING:
    from stackctl.commands.ls import Stacks, StackSeen
    from stackctl.report.contract import stack
    from stackctl.ui import Ui

_HEAD = ("NAME", "STATE", "VRAM", "RAM", "ADDRESS")
_NONE = "no stack has containers on this engine"


def stacks(found: "Stacks", ui: "Ui") -> "tuple[str, stack.Stacks]":
    """Return one row per stack, with its model and folder below; or the next command where there is none."""
    error = found.gpu_error
    return _text(found, ui), {
        "version": 1,
        "stacks": [_values(one) for one in found.stacks],
        "gpu_problem": trouble_values(error.message, error.hint, error.issue) if error else None,
    }


def _text(found: "Stacks", ui: "Ui") -> str:
    if not found.stacks:
        return f"{_NONE}\nnext: Run `stackctl deploy` in a new folder to make one."
    blocks = ["\n".join(_lines(found.stacks, ui))]
    if error := found.gpu_error:
        blocks.append(trouble_text(ui.text(error.message), error.hint, error.issue))
    return "\n\n".join(blocks)


def _lines(found: "tuple[StackSeen, ...]", ui: "Ui") -> Iterator[str]:
    rows = [_row(one) for one in found]
    lines = ui.table([_HEAD, *rows]).splitlines()
    if len(lines) != len(found) + 1:  # too narrow for a line each
        yield ui.table(
            [(*_HEAD, "RUNS", "FOLDER"), *((*row, *_more(one)) for row, one in zip(rows, found, strict=True))]
        )
        return
    yield lines[0]
    for line, one in zip(lines[1:], found, strict=True):
        yield line
        yield from (ui.text(f"  {text}") for text in _more(one) if text)


def _row(one: "StackSeen") -> tuple[str, ...]:
    held = (gib(mib) if mib else "-" for mib in (one.vram_mib, one.ram_mib))
    return (one.name, state_word(one.state), *held, one.url or "-")


def _more(one: "StackSeen") -> tuple[str, str]:
    """Return the backend with its model, and the folder."""
    words = [one.run.name] if one.run else []
    words += [f"context {one.run.context}"] if one.run and one.run.context else []
    folder = f"{one.folder} (the folder was removed or moved)" if one.is_gone else one.folder
    return ", ".join(filter(None, (one.backend, *words))), folder


def _values(one: "StackSeen") -> "stack.StackSeen":
    return {
        "name": one.name,
        "folder": one.folder,
        "folder_gone": one.is_gone,
        "state": one.state,
        "backend": one.backend or None,
        "model": model_values(one.run) if one.run else None,
        "vram_mib": one.vram_mib,
        "ram_mib": one.ram_mib,
        "url": one.url or None,
    }
