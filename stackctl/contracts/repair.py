"""What stackctl can repair itself, as plain values: nothing here runs anything."""

from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True, kw_only=True)
class RunProgram:
    """Run a program. needs_root: it is run by sudo where the user is not root."""

    argv: tuple[str, ...]
    needs_root: bool = True


@dataclass(frozen=True, kw_only=True)
class WriteFile:
    """Write a file whole, after a copy of the present one was put beside it.

    validate: a program that must accept the new text before it counts, with the new file's path as {}; () if none can.
    """

    path: PurePosixPath
    text: str
    validate: tuple[str, ...] = ()
    needs_root: bool = True


@dataclass(frozen=True, kw_only=True)
class RestartEngine:
    """Restart the container engine, which stops its containers for a moment unless it has live restore."""


Step = RunProgram | WriteFile | RestartEngine


@dataclass(frozen=True, kw_only=True)
class Repair:
    """A repair that is safe after one yes: it never pulls an image, touches a driver, or replaces a running Docker.

    does: what it does, as a sentence with a verb first ("Start Docker."); undo: the commands of the way back, () if
    nothing changes that could be taken back. A file that is written gets its way back from its copy.
    """

    does: str
    steps: tuple[Step, ...]
    undo: tuple[str, ...] = ()
