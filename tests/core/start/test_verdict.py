"""A start is judged by what happens, in the order in which it happens."""

import pytest

from stackctl.core.observed import ServiceState
from stackctl.core.start.events import Applied, Event, EventStreamLost, Idle, Kept, Line, Looked, Output, Refused
from stackctl.core.start.start_state import Failed
from stackctl.core.start.verdict import Ready, Waiting, late, to_stop
from stackctl.errors import ConfigError, EngineError, GpuError, NotReady, Taken
from tests.core.samples import a_plan, wanted
from tests.core.start.scripted import (
    BACKEND,
    DEPENDENCY,
    PAGE,
    both_ready,
    by_name,
    changes,
    error,
    healthy,
    judged,
    service,
    starts,
)

EXITED = service(BACKEND, "exited", exit_code=1)
ENDS_WELL = (Applied(0), Looked({}))
OLD = (healthy(BACKEND, "old-b"), healthy(PAGE, "old-p"))

# -- ready


def test_a_stack_is_ready_once_compose_has_ended_well_and_all_are_healthy() -> None:
    found, state = judged(*both_ready(), *ENDS_WELL)
    assert found == Ready()
    assert state.ours == {f"new-{BACKEND}", f"new-{PAGE}"}


def test_nothing_is_ready_while_compose_is_at_work() -> None:
    assert judged(*both_ready(), Idle())[0] == Waiting(())


def test_nothing_is_ready_before_the_look_that_compose_s_end_asks_for() -> None:
    found, state = judged(*both_ready(), Applied(0))
    assert (found, state.is_look_due) == (Waiting(()), True)
    found, _ = judged(*both_ready(), Applied(0), Looked(by_name(EXITED)))
    assert isinstance(found, Waiting)


@pytest.mark.parametrize("missing", [BACKEND, PAGE])
def test_a_service_without_a_container_is_not_ready(missing: str) -> None:
    events = [one for one in both_ready() if one.state.name != missing]
    assert judged(*events, *ENDS_WELL)[0] == Waiting((f"{missing}: not created yet",))


@pytest.mark.parametrize("health", ["", "starting"])
def test_a_service_that_runs_is_not_ready_before_it_is_healthy(health: str) -> None:
    events = (starts(BACKEND), starts(PAGE), changes(healthy(BACKEND)), changes(service(PAGE, health=health)))
    assert judged(*events, *ENDS_WELL)[0] == Waiting((f"{PAGE}: starting",))


def test_what_a_service_waits_for_is_said_in_words() -> None:
    events = (starts(BACKEND), Line(BACKEND, "load_model: loading model 'x'"), changes(service(PAGE, "created")))
    assert judged(*events)[0] == Waiting((f"{BACKEND}: reading the weights", f"{PAGE}: waits for the others"))


def test_where_one_service_alone_is_started_only_that_one_has_to_be_ready() -> None:
    assert judged(starts(BACKEND), changes(healthy(BACKEND)), *ENDS_WELL, only=BACKEND)[0] == Ready()


def test_a_stack_that_runs_as_it_should_is_ready_with_compose_s_end() -> None:
    said = (Output(f" Container t-{BACKEND}-1 Running"), Output(f" Container t-{PAGE}-1 Running"))
    assert judged(*said, *ENDS_WELL, before=OLD)[0] == Ready()


def test_a_look_in_a_quiet_second_makes_up_for_an_event_that_was_lost() -> None:
    events: tuple[Event, ...] = (*both_ready()[:3], Applied(0), Looked({}))
    found, state = judged(*events, Idle())
    assert (found, state.is_look_due) == (Waiting((f"{PAGE}: starting",)), True)
    assert judged(*events, Idle(), Looked(by_name(healthy(PAGE))))[0] == Ready()


def test_no_look_is_asked_for_while_compose_is_at_work() -> None:
    assert not judged(starts(BACKEND), Idle())[1].is_look_due


def test_the_memory_that_the_backend_reserves_is_noted_and_nobody_else_s() -> None:
    line = "load_tensors:          CPU model buffer size =  4403.49 MiB"
    assert [one.mib for one in judged(starts(BACKEND), Line(BACKEND, line))[1].buffers] == [4403.49]
    assert judged(starts(PAGE), Line(PAGE, line))[1].buffers == ()


# -- what fails


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(EXITED, id="exited"),
        pytest.param(service(BACKEND, "dead"), id="dead"),
        pytest.param(service(BACKEND, "restarting", exit_code=9), id="restarting"),
        pytest.param(service(BACKEND, health="unhealthy"), id="unhealthy"),
        pytest.param(service(BACKEND, health="starting", oom_killed=True), id="oom"),
        pytest.param(service(BACKEND, "exited", oom_killed=True, exit_code=137), id="oom-exited"),
    ],
)
def test_a_container_of_this_start_that_dies_ends_it_at_once(state: ServiceState) -> None:
    assert judged(starts(BACKEND), changes(state))[0] == Failed(state)


def test_one_that_the_engine_can_not_start_ends_it_too() -> None:
    state = service(BACKEND, "created", error="exec: no such file")
    assert judged(Applied(1), Looked(by_name(state)), Idle())[0] != Failed(state)  # nobody started it
    begun = service(BACKEND, "created", error="exec: no such file")
    assert judged(starts(BACKEND), changes(begun))[0] == Failed(begun)


def test_a_container_of_before_may_die_while_compose_puts_another_into_its_place() -> None:
    """Made beside it, or after it; the old one's last words come late."""
    new = service(BACKEND, "created")
    dies = service(BACKEND, "exited", container="old-b", exit_code=137)
    beside = (changes(new), changes(dies), starts(BACKEND), changes(dies), changes(healthy(BACKEND)))
    after = (changes(dies), changes(new), starts(BACKEND), changes(healthy(BACKEND)))
    for events in (beside, after):
        found, state = judged(*events, *ENDS_WELL, before=OLD)
        assert found == Ready()
        assert state.states[BACKEND].container == f"new-{BACKEND}"
        assert state.replaced == {"old-b"}


def test_one_of_this_start_that_is_replaced_by_it_again_may_die_too() -> None:
    events = (starts(BACKEND, "first"), starts(BACKEND, "second"))
    dies = service(BACKEND, "exited", container="first", exit_code=143)
    assert judged(*events, changes(dies))[0] == Waiting((f"{BACKEND}: starting", f"{PAGE}: not created yet"))


def test_a_restart_stops_the_same_container_first() -> None:
    stops = changes(service(BACKEND, "exited", container="old-b", exit_code=143))
    back = (starts(BACKEND, "old-b"), changes(healthy(BACKEND, "old-b")))
    assert judged(stops, *back, *ENDS_WELL, before=OLD, only=BACKEND)[0] == Ready()
    assert isinstance(judged(stops, back[0], stops, before=OLD, only=BACKEND)[0], Failed)


def test_one_that_an_earlier_start_left_loading_is_kept_and_its_death_is_the_end() -> None:
    loading = service(BACKEND, health="starting", container="old-b")
    dies = service(BACKEND, "restarting", container="old-b", exit_code=9)
    assert isinstance(judged(changes(dies), before=[loading])[0], Waiting)
    said = Output(f" Container t-{BACKEND}-1 Running")
    assert judged(said, changes(dies), before=[loading])[0] == Failed(dies)


def test_a_log_line_that_the_service_s_own_judge_calls_fatal_ends_it_at_once() -> None:
    unknown = "error: invalid argument: --no-such-flag"
    insecure = "Your current SillyTavern configuration is insecure"
    begun = (starts(BACKEND), starts(PAGE))
    for name, line, other in ((BACKEND, unknown, PAGE), (PAGE, insecure, BACKEND)):
        found, state = judged(*begun, Line(name, line))
        assert found == Failed(state.states[name])
        assert isinstance(judged(*begun, Line(other, line))[0], Waiting)


def test_a_line_that_does_not_say_why_waits_for_one_that_does_or_for_a_quiet_second_or_an_end() -> None:
    """Two programs write to one log, or one through two streams: the reason may come after the result."""
    generic = Line(BACKEND, "srv  llama_server: exiting due to model loading error")
    why = Line(BACKEND, "llama_model_load: error loading model: missing tensor 'blk.40.ssm_conv1d.weight'")
    found, state = judged(starts(BACKEND), generic)
    assert isinstance(found, Waiting)
    quiet = (Idle(),) * 4
    for events in ((why,), (Idle(), why), quiet):
        assert judged(starts(BACKEND), generic, *events)[0] == Failed(state.states[BACKEND])
    assert isinstance(judged(starts(BACKEND), generic, *quiet[1:])[0], Waiting)
    assert judged(starts(BACKEND), generic, changes(EXITED))[0] == Failed(EXITED)
    assert isinstance(judged(starts(BACKEND), Idle())[0], Waiting)


def test_the_first_failure_stays() -> None:
    found, state = judged(starts(BACKEND), changes(EXITED), EventStreamLost("gone"))
    assert found == state.failed == Failed(EXITED)


def test_an_engine_that_stops_meanwhile_is_said_in_its_words() -> None:
    found = error(starts(BACKEND), EventStreamLost("Connection reset by peer"))
    assert isinstance(found, EngineError)
    assert found.message == "the engine stopped answering: Connection reset by peer"
    assert found.hint == "Run `docker info` to see whether it is still running."


def test_a_container_without_the_gpu_that_was_decided_ends_it() -> None:
    plan = a_plan(wanted(gpu={"mode": "nvidia"}))
    found = error(starts(BACKEND), plan=plan)
    assert isinstance(found, GpuError)
    given = service(BACKEND, health="starting", gpu_drivers=("nvidia",))
    assert isinstance(judged(changes(given), plan=plan)[0], Waiting)


# -- Compose gives up


def test_compose_s_own_refusal_is_the_error_with_its_lines() -> None:
    said = "Error response from daemon: Bind for 127.0.0.1:8000 failed: port is already allocated"
    found = error(changes(service(BACKEND, "created")), Output(said), Applied(1), Looked({}))
    assert isinstance(found, Taken)
    assert found.evidence == (said,)


def test_an_end_of_compose_that_nobody_knows_is_a_failure_all_the_same() -> None:
    found = error(*both_ready(), Output("something odd"), Applied(3), Looked({}))
    assert isinstance(found, EngineError)
    assert found.message == "docker compose failed (exit 3)"
    assert found.evidence == ("something odd",)


def test_compose_s_end_is_judged_by_the_container_that_the_look_shows_dead() -> None:
    events = (starts(BACKEND), Output(DEPENDENCY), Applied(1))
    assert isinstance(judged(*events)[0], Waiting)
    assert judged(*events, Looked(by_name(EXITED)))[0] == Failed(EXITED)


def test_a_death_that_compose_alone_saw_may_still_come_as_an_event() -> None:
    events: tuple[Event, ...] = (starts(BACKEND), Output(DEPENDENCY), Applied(1))
    look = Looked(by_name(service(BACKEND, health="starting")))  # its restart policy was quicker
    died = service(BACKEND, "restarting", exit_code=9)
    assert isinstance(judged(*events, look)[0], Waiting)
    assert judged(*events, look, changes(died))[0] == Failed(died)
    assert error(*events, look, Idle()).message == "docker compose failed (exit 1)"


def test_what_the_engine_refused_counts_before_a_container_that_died_of_it() -> None:
    said = Output('Error response from daemon: could not select device driver "nvidia" with capabilities')
    state = service(BACKEND, "exited", exit_code=128)
    events = (starts(BACKEND), said, Applied(1), Looked(by_name(state)))
    assert isinstance(error(*events), GpuError)


# -- what is said and done about it


def test_what_failed_and_what_waited_for_it_is_stopped_and_the_rest_goes_on() -> None:
    assert to_stop(judged(starts(BACKEND), changes(EXITED))[1]) == (EXITED,)
    dies = service(PAGE, "exited", exit_code=1)
    assert to_stop(judged(*both_ready()[:3], changes(dies))[1]) == (dies,)
    _, state = judged(starts(PAGE), changes(service(PAGE, health="starting")), starts(BACKEND), changes(EXITED))
    assert [one.name for one in to_stop(state)] == [BACKEND, PAGE]
    _, state = judged(changes(service(PAGE, "created")), starts(BACKEND), changes(EXITED))
    assert to_stop(state) == (EXITED,)  # the other one never started


def test_the_cause_is_read_from_the_log_of_what_died_and_what_ran_before_is_named() -> None:
    log = ("build: 11669", "error: invalid argument: --no-such-flag")
    stopped = service(PAGE, "exited", container="old-p")
    found = error(starts(BACKEND), changes(EXITED), log=log, before=[OLD[0], stopped])
    assert isinstance(found, ConfigError)
    assert found.message.startswith(f"{BACKEND}: llama-server does not know the argument")
    assert found.evidence == log
    assert found.hint.endswith(f" Before, these ran: {BACKEND} (image-of-{BACKEND}, healthy).")
    assert "before this deploy" not in error(starts(BACKEND), changes(EXITED), log=log).hint


def test_a_start_that_is_late_says_what_each_service_waits_for() -> None:
    events = (starts(BACKEND), Line(BACKEND, "load_model: loading model 'x'"), changes(service(PAGE, "created")))
    found = late(judged(*events)[1], 3)
    assert isinstance(found, NotReady)
    words = f"{BACKEND}: reading the weights; {PAGE}: waits for the others"
    assert found.message == f"not ready after 3 s: {words}"
    assert "--timeout SECONDS" in found.hint


def test_what_an_orchestrator_says_of_a_service_that_can_not_come_up_ends_the_start() -> None:
    why = EngineError("no node takes llamacpp", hint="look at the nodes")
    assert judged(Refused(why))[0] == Failed(why)


def test_a_container_that_was_kept_counts_as_one_of_this_start() -> None:
    assert judged(Kept(BACKEND), before=OLD)[1].ours == {"old-b"}
    assert judged(Kept(BACKEND))[1].ours == frozenset()
    dies = service(BACKEND, "exited", container="old-b", exit_code=1)
    assert judged(Kept(BACKEND), changes(dies), before=OLD)[0] == Failed(dies)
