"""What stackctl can repair itself, as plain values: nothing here runs anything."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class RunProgram:
    """Run a program. undo: the program of the way back, () if there is none or none is needed.

    needs_root: it is run by sudo where the user is not root.
    """

    argv: tuple[str, ...]
    undo: tuple[str, ...] = ()
    needs_root: bool = True


@dataclass(frozen=True, kw_only=True)
class WriteFile:
    """Write a file whole, after a copy of the present one was put beside it, which is the way back.

    former: its present text, "" if there is none: the file must be as it was when this was offered; says: what it
    changes, as a clause ("adds ... to ..."); validate: a program that must accept the new text before it
    counts, with the new file's path in the place of {}; () if none can.
    """

    path: PurePosixPath
    text: str
    former: str = ""
    says: str = ""
    validate: tuple[str, ...] = ()
    needs_root: bool = True


@dataclass(frozen=True, kw_only=True)
class RewriteFile:
    """Run a program that writes a file again, after a copy of the present one was put beside it: the way back."""

    path: PurePosixPath
    argv: tuple[str, ...]
    needs_root: bool = True


@dataclass(frozen=True, kw_only=True)
class MoveAside:
    """Give a file another name, by which no program reads it."""

    path: PurePosixPath
    needs_root: bool = True


@dataclass(frozen=True, kw_only=True)
class RestartEngine:
    """Have the container engine read its configuration again, which the way back needs once more.

    stops_containers: it restarts, and its containers stop for that moment unless it has live restore.
    """

    argv: tuple[str, ...]
    stops_containers: bool = True
    needs_root: bool = True


@dataclass(frozen=True, kw_only=True)
class StartServices:
    """Start stopped services of this folder's stack, as `stackctl start` does, and wait until they are ready."""

    services: tuple[str, ...]
    undo: tuple[tuple[str, ...], ...] = (("stop",),)  # commands of stackctl


Step = RunProgram | WriteFile | RewriteFile | MoveAside | RestartEngine | StartServices


@dataclass(frozen=True, kw_only=True)
class Repair:
    """A repair that is safe after one yes: it never pulls an image, touches a driver, or replaces a running Docker.

    does: what it does, as a sentence with a verb first ("Start Docker."); patience_s: how long the check may take to
    pass after it; then: what is left for the user, as a sentence ("Log in again."), after which alone the check passes.
    """

    does: str
    steps: tuple[Step, ...]
    patience_s: float = 0.0
    then: str = ""


# declined: the user said no; not asked: no answer could come; needs root: this user can't become root here; failed: a
# step failed; still there: all steps ran, and the same check finds the fault again; begun: what is left is the user's
Outcome = Literal["repaired", "begun", "still there", "failed", "declined", "not asked", "needs root"]


@dataclass(frozen=True, kw_only=True)
class Repaired:
    """What became of a repair.

    issue, context: of the finding; says: a clause on a failure, or what is left to do; commands: those that it runs;
    undo: the commands of the way back, in order, () if nothing was changed or all was taken back.
    """

    issue: str
    context: str
    does: str
    outcome: Outcome
    says: str = ""
    commands: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
