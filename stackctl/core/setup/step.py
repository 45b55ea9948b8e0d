"""One step of a setup, and the whole of it, as plain values: nothing here runs anything."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal

from stackctl.contracts.repair import RestartEngine, RewriteFile, RunProgram, WriteFile
from stackctl.core.setup.distribution import Distribution
from stackctl.terminal import command_line, shell_word

Action = RunProgram | WriteFile | RewriteFile | RestartEngine
# what a machine may lack: an engine, its running, an answer, Compose, membership of its group, a login after that, and
# for a GPU its driver, the groups of its device files, NVIDIA's toolkit and the engine's knowledge of it
Lack = Literal[
    "engine", "service", "answer", "compose", "group", "login", "driver", "gpu groups", "toolkit", "runtime"
]  # fmt: skip
# what a step adds: one of these, or a repository of packages that another step needs
Adds = Lack | Literal["docker repository", "nvidia repository"]
NOT_TRIED: Final = "not run by stackctl's own tests"


@dataclass(frozen=True, kw_only=True)
class Lacking:
    """Something that is lacking. says: a clause; hint: the action that helps if no step of setup does."""

    lack: Lack
    says: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class SetupStep:
    """A step that the user agrees to as a whole.

    title: begins with a verb ("Install Docker"); why: a sentence; packages: those that it names; files: paths that its
    programs write; user, group: who joins what; undo: further commands of its way back; then: what is left for the
    user, as a sentence; tried: where stackctl's tests run these very commands, "" if they do not; sources: addresses.
    """

    adds: Adds
    title: str
    why: str
    does: tuple[Action, ...]
    manager: str = ""
    packages: tuple[str, ...] = ()
    files: tuple[PurePosixPath, ...] = ()
    user: str = ""
    group: str = ""
    undo: tuple[tuple[str, ...], ...] = ()
    then: str = ""
    tried: str = ""
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ByHand:
    """Steps that only the user can do, in the system's own user interface or configuration."""

    title: str
    lines: tuple[str, ...]
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What is lacking on a machine, and what adds it. needs_sudo: the user is not root; notes: sentences."""

    distribution: Distribution
    lacking: tuple[Lacking, ...] = ()
    steps: tuple[SetupStep, ...] = ()
    by_hand: tuple[ByHand, ...] = ()
    notes: tuple[str, ...] = ()
    needs_sudo: bool = True


def shell_lines(action: Action, *, needs_sudo: bool) -> tuple[str, ...]:
    """Return the lines of a shell that do what an action does."""
    sudo = "sudo " if needs_sudo and action.needs_root else ""
    match action:
        case WriteFile():
            return (
                f"{sudo}tee {shell_word(action.path)} > /dev/null <<'EOF'",
                *action.text.rstrip("\n").split("\n"),
                "EOF",
            )
        case RewriteFile():
            return (f"{sudo}{command_line(*action.argv)}",)
        case RunProgram() | RestartEngine():
            return (f"{sudo}{command_line(*action.argv)}",)
