"""What is kept of a stack on which checks failed: its files as they were rendered, and its logs."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from stackctl.core.config import lock, stack_toml
from stackctl.core.smoke.result import Smoked
from stackctl.errors import StackctlError
from stackctl.machine import Machine

_FILES = ("compose.override.yml", stack_toml.FILE, lock.FILE)
_LINES = 5000  # of each log, from its end


def keep(stack: Machine, smoked: Smoked, target: Path | None) -> None:
    """Copy them to a folder, without the key; nothing to do where nothing failed, or nobody wants it."""
    if target is None or not smoked.failed:
        return
    try:
        for name, text in _texts(stack, smoked):
            stack.storage.overwrite(target / name, stack.ui.redacted(text))
    except StackctlError as error:  # that of the check counts more
        stack.ui.note(f"not all evidence could be kept: {error.message}")
    stack.ui.note(f"kept in {target}: logs and rendered files")


def _texts(stack: Machine, smoked: Smoked) -> Iterator[tuple[str, str]]:
    """(file name, text) of each."""
    for name in (stack.orchestrator.file, *_FILES):
        if (text := stack.folder.read(name)) is not None:
            yield name, text
    for name, state in stack.orchestrator.states(smoked.name).items():
        log = stack.docker.tail(replace(state, started_at=0.0), lines=_LINES)  # those before a restart, too
        yield f"{name}.log", "\n".join(log) + "\n"
