"""Does a step of a setup, and takes it back."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Final

from stackctl.contracts.repair import RewriteFile, WriteFile
from stackctl.contracts.system import Ran
from stackctl.core.setup.managers import installed, listing
from stackctl.core.setup.record import Added, Replaced, way_back
from stackctl.core.setup.step import Action, SetupStep
from stackctl.errors import DataError, EngineError
from stackctl.machine import Machine
from stackctl.steps.setup.record import record, recorded
from stackctl.terminal import command_line

_MOST_SHOWN: Final = 6  # lines of what a program said
_LIST_S: Final = 60.0


@dataclass(frozen=True, kw_only=True)
class Applied:
    """A step that was done, or begun. added: None if nothing is there that was not before; failure: None if all ran."""

    added: Added | None
    failure: EngineError | None = None


@dataclass(frozen=True, kw_only=True)
class _Before:
    """What was there before a step. absent: of the files that it writes, those that were not."""

    packages: frozenset[str]
    absent: tuple[PurePosixPath, ...]
    is_member: bool


def apply_step(machine: Machine, step: SetupStep) -> Applied:
    """Do a step; what it added is recorded, also if it fails or is interrupted half-way."""
    before = _Before(
        packages=_packages(machine, step.manager),
        absent=tuple(path for path in (*step.files, *_written(step)) if not machine.system.exists(path)),
        is_member=step.group in machine.system.user().listed_groups,
    )
    replaced: list[Replaced] = []
    failure, is_whole = None, False
    try:
        for action in step.does:
            failure = _do(machine, action, replaced)
            if failure:
                break
        is_whole = failure is None
    finally:  # an interruption, too, leaves nothing that is not recorded
        added = _record(machine, step, before, tuple(replaced), is_whole=is_whole)
    return Applied(added=added, failure=failure)


def _record(
    machine: Machine, step: SetupStep, before: _Before, replaced: tuple[Replaced, ...], *, is_whole: bool
) -> Added | None:
    """Record what is there now and was not before; return None if that is nothing."""
    joins = is_whole and not before.is_member
    added = Added(
        time=datetime.fromtimestamp(machine.system.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        title=step.title,
        manager=step.manager,
        packages=tuple(sorted(_packages(machine, step.manager) - before.packages)),
        files=tuple(str(path) for path in before.absent if machine.system.exists(path)),
        replaced=replaced,
        user=step.user if joins else "",
        group=step.group if joins else "",
        undo=step.undo if is_whole else (),
    )
    if not (added.packages or added.files or added.replaced or added.group or added.undo):
        return None
    record(machine, (*recorded(machine), added))
    return added


def take_back(machine: Machine, added: Added) -> None:
    """Take back what a step added, and remove it from the record; raise EngineError if a program fails."""
    for argv in way_back(added):
        done = machine.system.run(argv, needs_root=True)
        if done.code:
            hint = "Repair what its last lines say, then run `stackctl setup --undo` again: it continues there."
            raise _failed(argv, done, hint)
    record(machine, tuple(one for one in recorded(machine) if one != added))


def _do(machine: Machine, action: Action, replaced: list[Replaced]) -> EngineError | None:
    """Do an action; a file that it replaces is added to `replaced`. Return the error if it fails."""
    try:
        match action:
            case WriteFile():
                done = machine.system.write(action.path, action.text, needs_root=action.needs_root)
                if done.copy:
                    replaced.append(Replaced(path=str(action.path), copy=str(done.copy)))
                return None
            case RewriteFile():
                if machine.system.exists(action.path):
                    copy = machine.system.copy_aside(action.path, needs_root=action.needs_root)
                    replaced.append(Replaced(path=str(action.path), copy=str(copy)))
    except DataError as error:
        return EngineError(error.message, hint=error.hint, evidence=error.evidence)
    ran = machine.system.run(action.argv, needs_root=action.needs_root)
    hint = "Repair what its last lines say, then run `stackctl setup` again: it finds what is still lacking."
    return _failed(action.argv, ran, hint) if ran.code else None


def _failed(argv: tuple[str, ...], ran: Ran, hint: str) -> EngineError:
    said = [line for line in (ran.err.strip() or ran.out.strip()).splitlines() if line.strip()]
    message = f"`{command_line(*argv)}` failed (exit {ran.code})"
    return EngineError(message, hint=hint, evidence=tuple(said[-_MOST_SHOWN:]))


def _written(step: SetupStep) -> Iterator[PurePosixPath]:
    for action in step.does:
        if isinstance(action, WriteFile | RewriteFile):
            yield action.path


def _packages(machine: Machine, manager: str) -> frozenset[str]:
    argv = listing(manager)
    return installed(machine.system.ask(argv, within_s=_LIST_S).out) if argv else frozenset()
