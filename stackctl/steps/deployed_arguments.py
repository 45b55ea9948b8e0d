"""The arguments with which the backend of the stack in this folder was deployed."""

import shlex
from contextlib import suppress

from stackctl.core.config.lock import Lock
from stackctl.core.plan import plan_json
from stackctl.errors import ConfigError
from stackctl.machine import Machine


def deployed_arguments(machine: Machine, asked: tuple[str, ...], found: Lock) -> tuple[str, ...]:
    """Return stack.toml's extra_args as of the last deploy; () where nothing was deployed, or nothing tells.

    Where an older stackctl did not write them down, all words that it gave the program; and what is asked for now,
    `asked`, where it wrote no plan: none that old refused any.
    """
    with suppress(ConfigError):
        text = machine.folder.read(plan_json.FILE)
        if text is None:
            return asked if found.rendered else ()
        plan = plan_json.parse(text, machine.place, lambda place: machine.folder.read(place) or "")
        if plan and plan.extra_args is not None:
            return plan.extra_args
        if plan and plan.backend_service:
            files = [_words(one.reveal()) for one in plan.files.values()]
            return (*plan.backend_service.command, *(word for words in files for word in words))
    return ()


def _words(text: str) -> list[str]:
    """The words of a file of arguments; none of a file that is something else."""
    with suppress(ValueError):
        return shlex.split(text)
    return []
