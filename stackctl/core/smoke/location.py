"""Where a stack that is brought up for smoke alone lives, and how it is known again by whoever cleans up after it."""

import re
from pathlib import PurePosixPath
from typing import Final

from stackctl.errors import ConfigError

HOME: Final = "stackctl-smoke"  # every such stack lies in HOME.../NAME/STACK
STACK: Final = "stack"
_LONGEST = 63  # of a Compose project's name, as stack.toml takes it
_NAME = re.compile(rf"[a-z0-9][a-z0-9_-]{{0,{_LONGEST - 1}}}")


def stack_name(job: str) -> str:
    """The name of such a stack: that of the job it runs for, "" where there is none."""
    plain = re.sub(r"[^a-z0-9_-]+", "-", job.lower()).strip("-_")
    return f"smoke-{plain}"[:_LONGEST].rstrip("-_") if plain else "smoke"


def check(name: str) -> None:
    """Raise ConfigError for a name that a stack can't have: it names a folder, too, which is removed."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} is no name for a stack", hint="Choose at most 63 of a-z, 0-9, - and _ with `--name NAME`."
        )


def is_left_over(working_dir: str, stack: str) -> bool:
    """Whether a container that Compose made in that folder belongs to a smoke stack of this name, and to no user's."""
    parts = PurePosixPath(working_dir).parts
    return len(parts) > 3 and parts[-2:] == (stack, STACK) and parts[-3].startswith(HOME)
