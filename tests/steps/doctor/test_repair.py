"""`doctor --fix`: it asks, runs, verifies by the same check, says the way back, and takes back what failed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pytest

from stackctl.contracts.finding import CheckResult, Finding
from stackctl.contracts.repair import (
    MoveAside,
    Repair,
    Repaired,
    RestartEngine,
    RewriteFile,
    RunProgram,
    StartServices,
    Step,
    WriteFile,
)
from stackctl.contracts.system import Ran, User
from stackctl.core.observed import RunningContainer
from stackctl.errors import EngineError, Interrupted
from stackctl.steps.doctor.repair import Repairing, repair_all
from tests.commands.machines import Quiet, quiet
from tests.fakes import FakeDocker

FILE = PurePosixPath("/etc/docker/daemon.json")
COPY = "/etc/docker/daemon.json.before-stackctl-1"
START = RunProgram(argv=("systemctl", "start", "docker"), undo=("systemctl", "stop", "docker"))
WRITE = WriteFile(path=FILE, text="new", former="old", says="adds it", validate=("dockerd", "--validate", "{}"))
RESTART = RestartEngine(argv=("systemctl", "restart", "docker"))


@dataclass
class Scene:
    """A machine with one check, whose fault is there until `is_well` says otherwise."""

    here: Quiet
    repair: Repair
    is_well: Callable[[], bool]
    issue: str = "cdi-disabled"
    answer: bool | None = True
    asked: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    untried: str = ""
    looks: int = 0

    def check(self) -> CheckResult:
        self.looks += 1
        if self.untried:
            return CheckResult(check="one", untried=self.untried)
        if self.is_well():
            return CheckResult(check="one", says="all is well")
        finding = Finding(issue=self.issue, says="it is off", hint="Switch it on.", repair=self.repair)
        return CheckResult(check="one", findings=(finding,))

    def agrees(self, question: str) -> bool | None:
        self.asked.append(question)
        return self.answer

    def run(self) -> Repaired:
        by = Repairing(
            machine=self.here.machine,
            diagnose=lambda: (self.check(),),
            again=lambda _: self.check(),
            agrees=self.agrees,
            start=lambda: self.started.append("stack"),
        )
        (done,), _ = repair_all((self.check(),), by)
        return done


@pytest.fixture
def here(tmp_path: Path) -> Quiet:
    found = quiet(tmp_path)
    found.system.programs["sudo"] = "/usr/bin/sudo"
    found.system.texts[str(FILE)] = "old"
    return found


def scene(here: Quiet, *steps: Step, **more: object) -> Scene:
    """It is well once something was run or written."""
    repair = Repair(does="Repair it.", steps=steps, patience_s=3.0)
    return Scene(here, repair, lambda: bool(here.system.ran or here.system.written), **more)  # type: ignore[arg-type]


def test_after_a_yes_the_program_runs_the_same_check_passes_and_the_way_back_is_said(here: Quiet) -> None:
    one = scene(here, START)
    done = one.run()
    assert (one.asked, here.system.ran) == (["Repair it."], [("systemctl", "start", "docker")])
    assert (done.outcome, done.undo) == ("repaired", ("sudo systemctl stop docker",))
    said = here.said.getvalue()
    assert said.index("sudo systemctl start docker") < said.index("repaired")
    assert "to undo: sudo systemctl stop docker" in said


@pytest.mark.parametrize(("answer", "outcome"), [(False, "declined"), (None, "not asked")])
def test_without_a_yes_nothing_is_changed(here: Quiet, answer: bool | None, outcome: str) -> None:
    done = scene(here, START, WRITE, answer=answer).run()
    assert (done.outcome, done.undo) == (outcome, ())
    assert (here.system.ran, here.system.written) == ([], {})
    assert ("add --yes" in here.said.getvalue()) is (answer is None)


def test_where_this_user_can_not_become_root_nothing_is_asked_and_the_commands_are_said(here: Quiet) -> None:
    del here.system.programs["sudo"]
    one = scene(here, START)
    assert (one.run().outcome, one.asked, here.system.ran) == ("needs root", [], [])
    assert "sudo systemctl start docker" in here.said.getvalue()
    assert "as root" in here.said.getvalue()


def test_root_needs_no_sudo(here: Quiet) -> None:
    here.system.who = User(name="root", uid=0)
    del here.system.programs["sudo"]
    done = scene(here, START).run()
    assert (done.outcome, done.commands, done.undo) == (
        "repaired",
        ("systemctl start docker",),
        ("systemctl stop docker",),
    )


def test_a_file_is_put_back_before_the_engine_reads_it_again(here: Quiet) -> None:
    done = scene(here, WRITE, RESTART).run()
    assert here.system.written == {str(FILE): "new"}
    assert done.undo == (f"sudo mv -f {COPY} {FILE}", "sudo systemctl restart docker")


def test_a_file_that_was_not_there_is_removed_on_the_way_back(here: Quiet) -> None:
    del here.system.texts[str(FILE)]
    done = scene(here, WriteFile(path=FILE, text="new")).run()
    assert done.undo == (f"sudo rm {FILE}",)


def test_before_an_engine_restarts_every_container_that_it_stops_is_named(here: Quiet) -> None:
    here.docker.running = (RunningContainer(name="others-web"), RunningContainer(name="others-job", returns=False))
    one = scene(here, RESTART, answer=False)
    one.run()
    said = here.said.getvalue()
    assert "others-web" in said
    assert "do not start again by themselves: others-job" in said
    assert here.system.ran == []


def test_a_restart_that_stops_nothing_says_so(here: Quiet) -> None:
    scene(here, RESTART).run()
    assert "It stops no container." in here.said.getvalue()


def test_what_the_engine_refuses_changes_nothing(here: Quiet) -> None:
    here.system.outcomes["dockerd --validate {}"] = Ran(code=1, err="unknown directive")
    done = scene(here, WRITE, RESTART).run()
    assert (done.outcome, done.undo, here.system.written, here.system.ran) == ("failed", (), {}, [])
    assert "unknown directive; nothing was changed" in done.says


def test_a_file_that_was_changed_meanwhile_is_not_written(here: Quiet) -> None:
    one = scene(here, WRITE)
    here.system.texts[str(FILE)] = "edited by the user"
    done = one.run()
    assert (done.outcome, here.system.written) == ("failed", {})
    assert "was changed meanwhile" in done.says


def test_where_a_later_step_fails_what_was_written_is_put_back_and_read_again(here: Quiet) -> None:
    here.system.outcomes["systemctl restart docker"] = Ran(code=1, err="Job for docker.service failed")
    done = scene(here, WRITE, RESTART).run()
    restart = ("systemctl", "restart", "docker")
    assert here.system.ran == [restart, ("mv", "-f", COPY, str(FILE)), restart]
    assert done.outcome == "failed"
    assert "Job for docker.service failed" in done.says


def test_what_can_not_be_put_back_is_said_with_its_command(here: Quiet) -> None:
    here.system.outcomes["systemctl restart docker"] = Ran(code=1, err="failed")
    here.system.outcomes[f"mv -f {COPY} {FILE}"] = Ran(code=1, err="No space left on device")
    done = scene(here, WRITE, RESTART).run()
    assert "it was not taken back" in done.says
    assert done.undo[0] == f"sudo mv -f {COPY} {FILE}"


def test_a_repair_may_need_a_moment_to_show(here: Quiet) -> None:
    one = scene(here, START)
    one.is_well = lambda: one.looks > 3
    assert one.run().outcome == "repaired"
    assert here.system.time == pytest.approx(1_796_000_001.0, abs=0.6)  # two or three pauses


def test_a_written_file_that_does_not_help_is_taken_back_when_its_time_is_over(here: Quiet) -> None:
    one = scene(here, WRITE, RESTART)
    one.is_well = lambda: False
    done = one.run()
    assert (done.outcome, done.undo) == ("still there", ())
    assert ("mv", "-f", COPY, str(FILE)) in here.system.ran
    assert "taken back" in done.says


def test_a_check_that_can_not_be_tried_again_is_no_success(here: Quiet) -> None:
    one = scene(here, START)
    here.system.effects[("systemctl", "start", "docker")] = lambda: setattr(one, "untried", "no answer")
    done = one.run()
    assert done.outcome == "still there"
    assert "could not be tried: no answer" in done.says
    assert done.undo == ("sudo systemctl stop docker",)


def test_what_is_left_to_the_user_is_said_and_is_no_success_yet(here: Quiet) -> None:
    """A group that counts from the next login on: the fault is there, and no repair is left for it."""
    one = scene(here, START)
    one.repair = Repair(does="Add the user.", steps=(START,), then="Log in again.")

    def left() -> None:
        one.check = lambda: CheckResult(  # type: ignore[method-assign]
            check="one", findings=(Finding(issue=one.issue, says="not yet", hint="Log in again."),)
        )

    here.system.effects[("systemctl", "start", "docker")] = left
    done = one.run()
    assert (done.outcome, done.says) == ("begun", "Log in again.")


def test_a_stale_file_is_copied_before_it_is_written_again(here: Quiet) -> None:
    generate = RewriteFile(path=FILE, argv=("nvidia-ctk", "cdi", "generate", f"--output={FILE}"))
    done = scene(here, generate).run()
    assert here.system.texts[COPY] == "old"
    assert done.undo == (f"sudo mv -f {COPY} {FILE}",)


def test_a_file_that_a_failed_program_spoilt_is_put_back(here: Quiet) -> None:
    generate = RewriteFile(path=FILE, argv=("nvidia-ctk", "cdi", "generate", f"--output={FILE}"))
    here.system.outcomes[" ".join(generate.argv)] = Ran(code=1, err="no GPU")
    done = scene(here, generate).run()
    assert (done.outcome, here.system.ran[-1]) == ("failed", ("mv", "-f", COPY, str(FILE)))


def test_a_file_is_moved_to_a_name_that_is_free(here: Quiet) -> None:
    here.system.texts[COPY] = "of an earlier repair"
    done = scene(here, MoveAside(path=FILE)).run()
    assert here.system.ran == [("mv", str(FILE), f"{FILE}.before-stackctl-2")]
    assert done.undo == (f"sudo mv {FILE}.before-stackctl-2 {FILE}",)


def test_services_are_started_without_root(here: Quiet) -> None:
    del here.system.programs["sudo"]
    one = scene(here, StartServices(services=("llamacpp",)))
    one.is_well = lambda: bool(one.started)
    done = one.run()
    assert (done.outcome, one.started) == ("repaired", ["stack"])
    assert done.undo == (f"stackctl -C {here.machine.place} stop",)


def test_the_way_back_of_one_service_stops_that_one_alone(here: Quiet) -> None:
    one = scene(here, StartServices(services=("a", "b"), undo=(("stop", "a"), ("stop", "b"))))
    one.is_well = lambda: bool(one.started)
    place = here.machine.place
    assert one.run().undo == (f"stackctl -C {place} stop a", f"stackctl -C {place} stop b")


def test_an_interruption_says_what_was_done_and_the_way_back(here: Quiet) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    here.system.effects[("systemctl", "restart", "docker")] = interrupt
    with pytest.raises(Interrupted) as caught:
        scene(here, WRITE, RESTART).run()
    assert "Repair it." in caught.value.message
    assert f"sudo mv -f {COPY} {FILE} && sudo systemctl restart docker" in caught.value.hint


def test_each_repair_is_offered_once_and_what_a_repair_uncovers_is_offered_after_it(here: Quiet) -> None:
    first = Finding(
        issue="engine-not-running", says="it does not run", hint="h", repair=Repair(does="A.", steps=(START,))
    )
    second = Finding(issue="cdi-disabled", says="off", hint="h", repair=Repair(does="B.", steps=(START,)))
    same = Finding(issue="gpu-not-offered", says="off, too", hint="h", repair=Repair(does="B.", steps=(START,)))
    asked: list[str] = []

    def agrees(question: str) -> bool:
        asked.append(question)
        return question == "A."

    def diagnose() -> tuple[CheckResult, ...]:
        return (CheckResult(check="engine"), CheckResult(check="gpu", findings=(same, second)))

    by = Repairing(
        machine=here.machine,
        diagnose=diagnose,
        again=lambda _: CheckResult(check="engine", says="it answers"),
        agrees=agrees,
        start=lambda: None,
    )
    done, results = repair_all((CheckResult(check="engine", findings=(first,)),), by)
    assert asked == ["A.", "B."]
    assert [(one.issue, one.outcome) for one in done] == [
        ("engine-not-running", "repaired"),
        ("gpu-not-offered", "declined"),
    ]
    assert results == diagnose()
    assert "forget" in here.docker.asked  # what the engine said before counts no more


class Silent(FakeDocker):
    """An engine that does not answer."""

    def stopped_by_restart(self) -> tuple[RunningContainer, ...]:
        raise EngineError("the engine does not answer")


def test_where_the_containers_are_not_known_that_is_said(here: Quiet) -> None:
    here.machine.docker = Silent()
    scene(here, RESTART, answer=False).run()
    assert "It is not known which containers it stops: the engine does not answer." in here.said.getvalue()
