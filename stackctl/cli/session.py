"""What the options say that all commands share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from stackctl.ui import Ui


@dataclass
class Session:
    """What the shared options of one command line say, wherever in it they stand. `stack_folder`: as it was typed.

    `build`: makes the machine, for tests; None: the real one. `wants_json`: --json stands somewhere, which is known
    before options are read, so that a mistake in them is printed as JSON.
    """

    ui: Ui
    build: Callable[[Path, Ui], Any] | None = None
    wants_json: bool = False
    is_hasty: bool = False  # the command must end in time even if the stack's folder does not answer
    stack_folder: Path = Path()
    verbose: bool = False
    as_json: bool = False
    yes: bool = False


def session_of(ctx: click.Context) -> Session:
    """Return what the shared options say by now."""
    session: Session = ctx.find_root().obj
    return session
