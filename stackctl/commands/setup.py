"""`stackctl setup`: what this machine lacks for a stack, added step by step, and taken back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from stackctl.core.setup.plan import Wanted, plan_setup
from stackctl.core.setup.record import Added
from stackctl.core.setup.step import Setup, SetupStep
from stackctl.errors import EngineError
from stackctl.machine import Machine
from stackctl.steps.setup.apply import apply_step, take_back
from stackctl.steps.setup.look import look_at_machine
from stackctl.steps.setup.record import recorded

# done: the machine lacks it no longer; begun: it counts after what is left for the user
Outcome = Literal["done", "begun", "declined", "still lacking"]
_LACKING: Final = EngineError.exit_code


@dataclass(frozen=True, kw_only=True)
class StepDone:
    """A step that the user was asked about. added: None if nothing is there that was not before."""

    step: SetupStep
    outcome: Outcome
    added: Added | None = None


@dataclass(frozen=True, kw_only=True)
class SetUp:
    """What a setup found and did. setup: as the machine is at the end; asked: whether steps were offered or run."""

    setup: Setup
    asked: bool = False
    done: tuple[StepDone, ...] = ()
    recorded: tuple[Added, ...] = ()

    @property
    def exit_code(self) -> int:
        return _LACKING if self.setup.lacking else 0


@dataclass(frozen=True, kw_only=True)
class TakenBack:
    """What `setup --undo` took back, and what is still recorded. asked: whether the user could agree."""

    asked: bool
    taken: tuple[Added, ...] = ()
    kept: tuple[Added, ...] = ()
    needs_sudo: bool = True


def set_up(machine: Machine, wanted: Wanted, agrees: Callable[[SetupStep, Setup], bool] | None) -> SetUp:
    """Look for what is lacking, and add it in steps to each of which the user agrees; None: nothing is run.

    Raises EngineError for a step that fails, and changes nothing more.
    """
    setup = plan_setup(look_at_machine(machine), wanted)
    if agrees is None or not setup.steps:
        return SetUp(setup=setup, recorded=recorded(machine))
    _refuse_without_sudo(machine, setup)
    done: list[StepDone] = []
    while step := _next(setup, done):
        if not agrees(step, setup):
            done.append(StepDone(step=step, outcome="declined"))
            continue
        machine.ui.step("Running these commands")
        applied = apply_step(machine, step)
        if applied.failure:
            _say_what_stands(machine, [*(one.added for one in done), applied.added])
            raise applied.failure
        setup = plan_setup(look_at_machine(machine), wanted)
        done.append(StepDone(step=step, outcome=_outcome(step, setup), added=applied.added))
    return SetUp(setup=setup, asked=True, done=tuple(done), recorded=recorded(machine))


def undo(machine: Machine, agrees: Callable[[Added], bool] | None) -> TakenBack:
    """Take back what setups added, the last first, each after a yes; None: nothing is run."""
    found = recorded(machine)
    needs_sudo = bool(machine.system.user().uid)
    if agrees is None:
        return TakenBack(asked=False, kept=found, needs_sudo=needs_sudo)
    taken = []
    for added in reversed(found):
        if not agrees(added):
            break  # what was added before may be needed by it
        machine.ui.step("Running these commands")
        take_back(machine, added)
        taken.append(added)
    return TakenBack(asked=True, taken=tuple(taken), kept=recorded(machine), needs_sudo=needs_sudo)


def _next(setup: Setup, done: list[StepDone]) -> SetupStep | None:
    """The next step that was not offered yet; after a no, none that needs what was declined."""
    offered = {one.step.adds for one in done}
    declined = {one.step.adds for one in done if one.outcome == "declined"}
    if declined & {"docker repository", "engine"}:
        return None
    blocked = {"toolkit", "runtime"} if declined & {"nvidia repository", "toolkit"} else set()
    return next((one for one in setup.steps if one.adds not in offered | blocked), None)


def _outcome(step: SetupStep, setup: Setup) -> Outcome:
    if step.then:
        return "begun"
    if step.adds in {one.adds for one in setup.steps} or step.adds in {one.lack for one in setup.lacking}:
        return "still lacking"
    return "done"


def _refuse_without_sudo(machine: Machine, setup: Setup) -> None:
    if setup.needs_sudo and not machine.system.program("sudo"):
        raise EngineError(
            "this needs root's rights, and sudo is not installed",
            hint="Run `stackctl setup` as root, or `stackctl setup --print` for the commands.",
        )


def _say_what_stands(machine: Machine, added: list[Added | None]) -> None:
    """Name what was added before a step failed, and the way back from it."""
    titles = [one.title for one in added if one]
    if titles:
        machine.ui.note(f"what was added stays: {'; '.join(titles)}. `stackctl setup --undo` takes it back.")
