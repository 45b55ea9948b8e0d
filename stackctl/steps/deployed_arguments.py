"""The arguments with which the backend of the stack in this folder was deployed."""

import shlex
from contextlib import suppress

from stackctl.core.config.lock import Lock
from stackctl.core.plan import plan_json
from stackctl.errors import ConfigError
from stackctl.machine import Machine


def deployed_arguments(machine: Machine, asked: tuple[str, ...], found: Lock) -> tuple[str, ...]:
    """Return stack.toml's extra_args as of the last deploy; () if nothing was deployed, or they are unknown.

    If an older stackctl did not record them, return all words that it gave the program. If it wrote no plan at all,
    return `asked`, the arguments of now: versions that old refused none.
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
    """Return the words of a file of arguments; [] for any other file."""
    with suppress(ValueError):
        return shlex.split(text)
    return []
