"""In which time zone the containers run."""

from dataclasses import replace

import pytest

from stackctl.core.config.lock import Decision, Lock
from stackctl.core.hub import store
from stackctl.core.plan.plan import Planned, forget_decisions
from tests.core.samples import decided, seen, wanted

HERE = replace(seen(), time_zone="Europe/Berlin")


def zones(planned: Planned) -> dict[str, str | None]:
    return {one.name: one.environment.get("TZ") for one in planned.plan.services}


def test_backend_and_sillytavern_run_in_the_machine_s_zone() -> None:
    assert zones(decided(world=HERE)) == {"llamacpp": "Europe/Berlin", "sillytavern": "Europe/Berlin"}


@pytest.mark.parametrize("zone", ["", "UTC", "Etc/UTC"])
def test_utc_is_what_they_run_in_by_themselves(zone: str) -> None:
    assert set(zones(decided(world=replace(HERE, time_zone=zone))).values()) == {None}


def test_a_machine_on_a_journey_keeps_its_containers_until_it_is_decided_anew() -> None:
    first = decided(world=HERE).lock
    away = replace(HERE, time_zone="Asia/Tokyo")
    assert zones(decided(world=away, recorded=first))["sillytavern"] == "Europe/Berlin"
    assert zones(decided(world=away, recorded=forget_decisions(first)))["sillytavern"] == "Asia/Tokyo"


def test_a_stack_from_before_there_was_this_keeps_its_containers_until_it_is_decided_anew() -> None:
    now = decided(world=HERE).lock
    others = {key: one for key, one in now.decisions.items() if key != "time_zone"}
    older = Lock(decisions=others, rendered={"by": "0.0.9", "sha256": "x"})
    assert set(zones(decided(world=HERE, recorded=older)).values()) == {None}
    again = decided(world=HERE, recorded=older).lock
    assert set(zones(decided(world=HERE, recorded=replace(again, rendered=older.rendered))).values()) == {None}
    assert zones(decided(world=HERE, recorded=forget_decisions(older)))["sillytavern"] == "Europe/Berlin"


def test_a_model_that_was_fetched_before_the_first_start_makes_no_older_stack() -> None:
    fetched = Lock(decisions={store.key("hf:a/b"): Decision(value="/x", inputs={})}, rendered={"by": "0.1"})
    assert zones(decided(world=HERE, recorded=fetched))["sillytavern"] == "Europe/Berlin"


def test_a_companion_has_no_clock_that_anybody_reads() -> None:
    spec = wanted(backend={"publish": "127.0.0.1:5001"})
    assert zones(decided(spec, HERE))["api"] is None
