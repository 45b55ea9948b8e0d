"""A service that reads its model lives, however slow its disk is and whatever its health check says."""

from dataclasses import replace

import pytest

from stackctl.core.observed import ReadSeen, ServiceState
from stackctl.core.start.events import Applied, Event, Looked, Output, ReadSoFar
from stackctl.core.start.reading import Reading, describe, look_again
from stackctl.core.start.start_state import Failed
from stackctl.core.start.verdict import Again, Ready, Waiting, may_go_on
from tests.core.samples import a_plan
from tests.core.start.scripted import BACKEND, PAGE, by_name, changes, healthy, judged, service, starts

MIB = 1 << 20
PLAN = replace(a_plan(), model_bytes=900 * MIB)
UNHEALTHY = service(BACKEND, health="unhealthy")
GAVE_UP = (Output(f"dependency failed to start: container t-{BACKEND}-1 is unhealthy"), Applied(1))


def read(mib: int, at_s: float, *, held_mib: int = 0) -> ReadSoFar:
    return ReadSoFar(BACKEND, ReadSeen(size=mib * MIB, held=held_mib * MIB), at_s)


def after(*reads: ReadSoFar) -> Reading:
    found: Reading | None = None
    for one in reads:
        found = look_again(found, one.seen, one.at_s)
    assert found
    return found


# -- whether something is read


def test_what_grows_goes_on_and_half_a_minute_without_growth_is_the_end() -> None:
    assert after(read(10, 2), read(20, 4)).goes_on
    assert after(read(10, 2), read(10, 31)).goes_on
    assert not after(read(10, 2), read(10, 32)).goes_on
    assert after(read(10, 2), read(10, 32), read(14, 34)).goes_on


def test_a_log_or_two_is_no_model() -> None:
    assert not after(read(10, 2), ReadSoFar(BACKEND, ReadSeen(size=10 * MIB + 5000), 40)).goes_on


def test_weights_that_are_copied_while_the_page_cache_is_cut_count() -> None:
    assert after(read(50, 2, held_mib=60), read(40, 40, held_mib=100)).goes_on


def test_where_nothing_is_counted_nothing_is_read() -> None:
    assert not after(ReadSoFar(BACKEND, ReadSeen(held=5 * MIB), 2)).goes_on


@pytest.mark.parametrize(
    ("mib", "says"), [(0, ""), (300, "300 of 900 MiB read (33 %)"), (899, "899 of 900 MiB read (99 %)"), (900, "")]
)
def test_how_far_it_is_stands_in_bytes_and_per_cent(mib: int, says: str) -> None:
    assert describe(after(read(mib, 1)), 900 * MIB) == says


def test_of_a_model_of_unknown_size_nothing_is_said() -> None:
    assert describe(after(read(5, 1)), 0) == ""


# -- what a start makes of it


def test_a_health_check_that_gives_up_is_not_believed_while_the_model_is_read() -> None:
    found, state = judged(starts(BACKEND), read(300, 100), changes(UNHEALTHY), read(308, 102), plan=PLAN)
    assert isinstance(found, Waiting)
    assert f"{BACKEND}: starting, 308 of 900 MiB read (34 %)" in found.for_what
    assert may_go_on(state)


def test_it_is_believed_once_nothing_more_is_read() -> None:
    found, _ = judged(starts(BACKEND), read(300, 100), changes(UNHEALTHY), read(300, 131), plan=PLAN)
    assert found == Failed(UNHEALTHY)
    found, _ = judged(starts(BACKEND), read(300, 10), read(300, 60), changes(UNHEALTHY), plan=PLAN)
    assert found == Failed(UNHEALTHY)
    found, _ = judged(starts(BACKEND), changes(UNHEALTHY), plan=PLAN)
    assert found == Failed(UNHEALTHY)


@pytest.mark.parametrize("state", [
    service(BACKEND, "exited", exit_code=1),
    service(BACKEND, "restarting", exit_code=1),
    service(BACKEND, oom_killed=True),
], ids=["exited", "restarting", "oom"])  # fmt: skip
def test_a_death_is_one_however_much_was_read(state: ServiceState) -> None:
    found, _ = judged(starts(BACKEND), read(300, 10), changes(state), plan=PLAN)
    assert isinstance(found, Failed)


def test_what_compose_gave_up_is_started_again_once_the_model_is_there() -> None:
    slow: tuple[Event, ...] = (
        starts(BACKEND),
        read(300, 100),
        changes(UNHEALTHY),
        *GAVE_UP,
        Looked(by_name(UNHEALTHY)),
    )
    found, _ = judged(*slow, plan=PLAN)
    assert isinstance(found, Waiting)
    found, _ = judged(*slow, changes(healthy(BACKEND)), plan=PLAN)
    assert found == Again()
    found, _ = judged(*slow, read(300, 140), plan=PLAN)
    assert found == Failed(UNHEALTHY)


def test_compose_s_word_alone_is_enough_where_nothing_was_read() -> None:
    found, _ = judged(starts(BACKEND), *GAVE_UP, Looked(by_name(UNHEALTHY)), plan=PLAN)
    assert found == Failed(UNHEALTHY)


def test_what_compose_gave_up_before_its_start_was_heard_of_is_not_started_again() -> None:
    early: tuple[Event, ...] = (*GAVE_UP, Looked(by_name(UNHEALTHY)))
    found, _ = judged(*early, plan=PLAN)
    assert isinstance(found, Waiting)
    found, _ = judged(*early, starts(BACKEND), changes(UNHEALTHY), plan=PLAN)
    assert found == Failed(UNHEALTHY)


def test_time_that_nobody_set_ends_with_the_reading_or_after_twice_the_model() -> None:
    def state_after(*events: Event) -> bool:
        return may_go_on(judged(starts(BACKEND), *events, plan=PLAN)[1])

    assert state_after(read(300, 300))
    assert not state_after()
    assert not state_after(read(300, 200), read(300, 300))
    assert not state_after(read(1801, 300))
    assert not state_after(read(300, 300), changes(healthy(BACKEND)))


def test_a_model_that_was_read_leaves_no_trace_in_the_verdict() -> None:
    events = (starts(BACKEND), read(300, 4), changes(healthy(BACKEND)), starts(PAGE), changes(healthy(PAGE)))
    assert judged(*events, Applied(0), Looked({}), plan=PLAN)[0] == Ready()
