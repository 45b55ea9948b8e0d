"""What a repair does, and how it is taken back, in commands and clauses that a user reads before and after."""

from stackctl.contracts.repair import (
    MoveAside,
    Repair,
    RestartEngine,
    RewriteFile,
    RunProgram,
    StartServices,
    Step,
    WriteFile,
)
from stackctl.core.doctor.commands import command
from stackctl.core.observed import RunningContainer
from stackctl.terminal import shell_word


def needs_root(repair: Repair) -> bool:
    """Return whether a step of it needs root's rights."""
    return any(not isinstance(step, StartServices) and step.needs_root for step in repair.steps)


def describe(repair: Repair, *, is_root: bool) -> tuple[str, ...]:
    """Return its steps, in order: commands, and clauses on what stackctl does itself."""
    return tuple(_step(step, is_root=is_root) for step in repair.steps)


def say_stopped(containers: tuple[RunningContainer, ...]) -> str:
    """Return a sentence on the containers that a restart of the engine stops; "" if it stops none."""
    if not containers:
        return ""
    returning = [one.name for one in containers if one.returns]
    lost = [one.name for one in containers if not one.returns]
    sentences = (
        f"It stops these containers for a moment: {', '.join(returning)}." if returning else "",
        f"It stops these containers, which do not start again by themselves: {', '.join(lost)}." if lost else "",
    )
    return " ".join(filter(None, sentences))


def _step(step: Step, *, is_root: bool) -> str:
    match step:
        case RunProgram() | RestartEngine():
            return command(step.argv, needs_root=step.needs_root, is_root=is_root)
        case WriteFile():
            checked = f", after `{step.validate[0]} --validate` has accepted it" if step.validate else ""
            return f"{step.says}{checked}; the former file is kept beside it"
        case RewriteFile():
            runs = command(step.argv, needs_root=step.needs_root, is_root=is_root)
            return f"{runs}, which writes {shell_word(step.path)} again; the former file is kept beside it"
        case MoveAside():
            return f"gives {shell_word(step.path)} another name beside it"
        case StartServices():
            return "stackctl start"
