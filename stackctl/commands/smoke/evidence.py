"""Keep the rendered files and the logs of a stack on which checks failed."""

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
    """Copy files and logs to a folder, without the key. Does nothing without a failure, or without a target."""
    if target is None or not smoked.failed:
        return
    try:
        for name, text in _texts(stack, smoked):
            stack.storage.overwrite(target / name, stack.ui.redacted(text))
    except StackctlError as error:  # the check's own failure is more important
        stack.ui.note(f"not all evidence could be kept: {error.message}")
    stack.ui.note(f"logs and rendered files are kept in {target}")


def _texts(stack: Machine, smoked: Smoked) -> Iterator[tuple[str, str]]:
    """Give (file name, text) of each file."""
    for name in (stack.orchestrator.file, *_FILES):
        if (text := stack.folder.read(name)) is not None:
            yield name, text
    for name, state in stack.orchestrator.states(smoked.name).items():
        log = stack.docker.tail(replace(state, started_at=0.0), lines=_LINES)  # with lines from before a restart
        yield f"{name}.log", "\n".join(log) + "\n"
