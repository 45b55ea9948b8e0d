"""Runs the steps of one repair, and takes them back if one fails."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

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
from stackctl.contracts.system import Ran
from stackctl.core.doctor.commands import command
from stackctl.errors import DataError, EngineError, Interrupted
from stackctl.machine import Machine
from stackctl.terminal import command_line

_MOST_LINES: Final = 6


@dataclass(frozen=True)
class Undo:
    """A command of the way back. is_last: it has the engine read its former configuration, once that is there."""

    argv: tuple[str, ...]
    needs_root: bool = True
    is_last: bool = False


@dataclass
class Running:
    """A repair that is being run. start: starts the services of this folder's stack.

    done: the way back from each step so far, in the order of the steps.
    """

    machine: Machine
    start: Callable[[], None]
    done: list[Undo] = field(default_factory=list)

    def run(self, repair: Repair) -> None:
        """Run all steps. Raise StackctlError if one fails, Interrupted with the way back if the user interrupts it."""
        try:
            for step in repair.steps:
                self._step(step)
        except KeyboardInterrupt as error:
            raise self._interrupted(repair) from error

    def way_back(self) -> tuple[Undo, ...]:
        """Return the way back from all that was done, in order: files first, then the engine reads them."""
        latest = self.done[::-1]
        last = dict.fromkeys(one for one in latest if one.is_last)
        return (*(one for one in latest if not one.is_last), *last)

    def commands(self) -> tuple[str, ...]:
        """Return the way back as commands for this user."""
        is_root = self.machine.system.user().uid == 0
        return tuple(command(one.argv, needs_root=one.needs_root, is_root=is_root) for one in self.way_back())

    def take_back(self) -> str:
        """Go the way back, and return "", or why it failed; what is left of it stays in `done`."""
        for one in self.way_back():
            ran = self.machine.system.run(one.argv, needs_root=one.needs_root)
            if ran.code:
                return _words(ran, one.argv)
            self.done.remove(one)
        return ""

    def _step(self, step: Step) -> None:
        match step:
            case RunProgram():
                self._run(step.argv, needs_root=step.needs_root)
                if step.undo:
                    self.done.append(Undo(step.undo, step.needs_root))
            case WriteFile():
                self._write(step)
            case RewriteFile():
                self._keep_copy(step.path, needs_root=step.needs_root)
                self._run(step.argv, needs_root=step.needs_root)
            case MoveAside():
                aside = self._free_name(step.path)
                self._run(("mv", str(step.path), str(aside)), needs_root=step.needs_root)
                self.done.append(Undo(("mv", str(aside), str(step.path)), step.needs_root))
            case RestartEngine():
                # before it runs: one that fails leaves an engine that needs its former configuration
                self.done.append(Undo(step.argv, step.needs_root, is_last=True))
                self._run(step.argv, needs_root=step.needs_root)
            case StartServices():
                self.start()
                here = ("stackctl", "-C", str(self.machine.place))
                self.done += [Undo((*here, *one), needs_root=False) for one in reversed(step.undo)]

    def _write(self, step: WriteFile) -> None:
        if (self.machine.system.text(step.path) or "") != step.former:
            raise DataError(f"{step.path} was changed meanwhile", hint="Run `stackctl doctor --fix` again.")
        written = self.machine.system.write(step.path, step.text, needs_root=step.needs_root, validate=step.validate)
        argv = ("mv", "-f", str(written.copy), str(written.path)) if written.copy else ("rm", str(written.path))
        self.done.append(Undo(argv, step.needs_root))

    def _keep_copy(self, path: PurePosixPath, *, needs_root: bool) -> None:
        if self.machine.system.exists(path):
            copy = self.machine.system.copy_aside(path, needs_root=needs_root)
            self.done.append(Undo(("mv", "-f", str(copy), str(path)), needs_root))
        else:
            self.done.append(Undo(("rm", "-f", str(path)), needs_root))

    def _run(self, argv: tuple[str, ...], *, needs_root: bool) -> None:
        ran = self.machine.system.run(argv, needs_root=needs_root)
        if ran.code:
            said = tuple((ran.err or ran.out).strip().splitlines()[-_MOST_LINES:])
            raise EngineError(_words(ran, argv), evidence=said)

    def _free_name(self, path: PurePosixPath) -> PurePosixPath:
        at = 1
        while self.machine.system.exists(aside := path.with_name(f"{path.name}.before-stackctl-{at}")):
            at += 1
        return aside

    def _interrupted(self, repair: Repair) -> Interrupted:
        back = " && ".join(self.commands())
        what = f"interrupted in the repair {repair.does!r}; no file was left incomplete"
        if not back:
            return Interrupted(what, hint="Run `stackctl doctor` to see what is left.")
        return Interrupted(what, hint=f"Run `{back}` to go back, or `stackctl doctor --fix` to continue.")


def _words(ran: Ran, argv: tuple[str, ...]) -> str:
    said = (ran.err or ran.out).strip().splitlines()
    return f"`{command_line(*argv)}` failed: {said[-1].strip() if said else f'exit code {ran.code}'}"
