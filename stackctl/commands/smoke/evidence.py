"""What is kept of a stack on which checks failed: its files as they were rendered, and its logs."""

from dataclasses import replace
from pathlib import Path

from stackctl.core import lock, render, stack_toml
from stackctl.core.smoke import Smoked
from stackctl.effects.files import overwrite
from stackctl.machine import Machine

_FILES = (render.FILE, "compose.override.yml", stack_toml.FILE, lock.FILE)
_LINES = 5000  # of each log, from its end


def keep(stack: Machine, smoked: Smoked, target: Path | None) -> None:
    """Copy them to a folder, without the key; nothing to do where nothing failed, or nobody wants it."""
    if target is None or not smoked.failed:
        return
    for name in _FILES:
        if (text := stack.folder.read(name)) is not None:
            overwrite(target / name, stack.ui.redacted(text))
    for name, state in stack.engine.states(smoked.name).items():
        log = stack.engine.tail(replace(state, started_at=0.0), lines=_LINES)  # those before a restart, too
        overwrite(target / f"{name}.log", stack.ui.redacted("\n".join(log) + "\n"))
    stack.ui.note(f"kept in {target}: logs and rendered files")
