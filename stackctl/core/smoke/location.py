"""The folder of a stack that only smoke uses, and how a later cleanup recognises it."""

import re
from pathlib import PurePosixPath
from typing import Final

from stackctl.errors import ConfigError

HOME: Final = "stackctl-smoke"  # such a stack lies in HOME.../NAME/STACK
STACK: Final = "stack"
_LONGEST = 63  # characters of a Compose project's name, as in stack.toml
_NAME = re.compile(rf"[a-z0-9][a-z0-9_-]{{0,{_LONGEST - 1}}}")


def stack_name(job: str) -> str:
    """Return the name of such a stack, made from its job's name; "" if there is none."""
    plain = re.sub(r"[^a-z0-9_-]+", "-", job.lower()).strip("-_")
    return f"smoke-{plain}"[:_LONGEST].rstrip("-_") if plain else "smoke"


def check(name: str) -> None:
    """Raise ConfigError for an invalid name, which is also the name of a folder that smoke removes."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} is no name for a stack", hint="Choose at most 63 of a-z, 0-9, - and _ with `--name NAME`."
        )


def is_left_over(working_dir: str, stack: str) -> bool:
    """Return whether a container from that folder belongs to a smoke stack of this name, and not to a user's stack."""
    parts = PurePosixPath(working_dir).parts
    return len(parts) > 3 and parts[-2:] == (stack, STACK) and parts[-3].startswith(HOME)
