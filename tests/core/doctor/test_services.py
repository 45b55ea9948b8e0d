"""What the doctor makes of a stack's services."""

from stackctl.contracts.repair import StartServices
from stackctl.core.doctor.images import judge_images
from stackctl.core.doctor.services import describe, judge_services
from stackctl.core.observed import ServiceState
from stackctl.errors import DoesNotFit, NotReady, StackctlError


def state(name: str, state: str = "running", health: str = "healthy", restarts: int = 0) -> ServiceState:
    return ServiceState(name=name, container=name, state=state, health=health, restarts=restarts)


READY = {"llamacpp": state("llamacpp"), "sillytavern": state("sillytavern")}


def stopped(name: str) -> StackctlError:
    return NotReady(f"{name} does not run (exited, exit code 0)", issue="services-stopped")


def test_a_stack_that_is_ready_is_well() -> None:
    assert judge_services(READY, (), {}) == ()
    assert describe(READY) == "2 are ready"


def test_a_service_that_starts_is_well() -> None:
    states = {**READY, "llamacpp": state("llamacpp", health="starting")}
    assert judge_services(states, (), {}) == ()
    assert describe(states) == "llamacpp starts"


def test_a_stopped_service_of_a_running_stack_is_a_failure_that_a_start_repairs() -> None:
    states = {**READY, "llamacpp": state("llamacpp", "exited", "")}
    (found,) = judge_services(states, (), {"llamacpp": stopped("llamacpp")})
    assert (found.issue, found.severity, found.context) == ("services-stopped", "failure", "llamacpp")
    assert found.repair


def test_a_service_without_a_container_is_one_that_does_not_run() -> None:
    (found,) = judge_services({"llamacpp": state("llamacpp")}, ("sillytavern",), {})
    assert (found.issue, found.severity) == ("services-stopped", "failure")
    assert found.says.startswith("sillytavern does not run")


def test_a_whole_stack_that_is_stopped_or_taken_down_is_a_warning() -> None:
    states = {name: state(name, "exited", "") for name in READY}
    (found,) = judge_services(states, (), {name: stopped(name) for name in READY})
    assert (found.severity, found.says) == ("warning", "the stack is stopped")
    (found,) = judge_services({}, ("llamacpp", "sillytavern"), {})
    assert (found.severity, found.says) == ("warning", "the stack has no containers")


def test_a_service_in_trouble_keeps_its_cause_its_hint_and_its_log() -> None:
    error = DoesNotFit(
        "llamacpp: killed because it used more memory than its limit",
        hint="Raise its memory limit under [limits] in stack.toml.",
        evidence=("loading",),
        issue="memory-limit-reached",
    )
    (found,) = judge_services(READY, (), {"llamacpp": error})
    assert (found.issue, found.evidence) == ("memory-limit-reached", ("loading",))
    assert found.hint == "Raise its memory limit under [limits] in stack.toml. Run `stackctl deploy` after that."


def test_a_service_that_ended_and_runs_again_is_a_warning() -> None:
    (found,) = judge_services({**READY, "llamacpp": state("llamacpp", restarts=3)}, (), {})
    assert (found.severity, found.says) == ("warning", "llamacpp is ready, but ended and was started again 3 times")


def test_images_that_are_here_for_this_processor_are_well() -> None:
    assert judge_images({"a:1": "amd64", "b:1": "amd64"}, "x86_64") == ()
    assert judge_images({"a:1": "arm64"}, "aarch64") == ()
    assert judge_images({"a:1": "unknown", "b:1": "amd64"}, "") == ()


def test_an_image_for_another_processor_is_a_failure() -> None:
    (found,) = judge_images({"a:1": "arm64"}, "x86_64")
    assert (found.issue, found.severity, found.context) == ("image-other-platform", "failure", "a:1")


def test_images_that_are_gone_are_one_warning() -> None:
    (found,) = judge_images({"a:1": "", "b:1": "", "c:1": "amd64"}, "x86_64")
    assert (found.issue, found.severity, found.evidence) == ("image-missing", "warning", ("a:1", "b:1"))


def test_the_way_back_from_a_start_leaves_what_ran_before() -> None:
    def undo(states: dict[str, ServiceState], missing: tuple[str, ...], *troubles: str) -> tuple[tuple[str, ...], ...]:
        (found,) = judge_services(states, missing, {name: stopped(name) for name in troubles})
        assert found.repair
        (step,) = found.repair.steps
        assert isinstance(step, StartServices)
        return step.undo

    runs = next(one for one in READY.values() if one.state == "running")
    assert undo({runs.name: runs}, (), "llamacpp") == (("stop", "llamacpp"),)
    assert undo({}, (), "llamacpp", "sillytavern") == (("stop",),)
    assert undo({}, ("llamacpp", "sillytavern")) == (("down",),)
