"""The backend's API for other programs: a service that hands on connections; the backend itself moves nowhere."""

from dataclasses import replace

import pytest

from stackctl.backends import BACKENDS
from stackctl.core.config.lock import Lock
from stackctl.core.config.spec import Spec
from stackctl.core.plan.companions import companion_ports
from stackctl.core.plan.plan import plan
from stackctl.errors import ConfigError, EngineError
from tests.core.samples import KEY, PROGRAMS, a_plan, backend_of, engine, rendered, seen, wanted


def published(place: str, kind: str = "llamacpp", **more: object) -> Spec:
    return wanted(name="chat", backend={"kind": kind, "publish": place}, **more)


@pytest.mark.parametrize("kind", BACKENDS)
def test_the_backend_stays_inside_and_a_service_beside_it_is_published(kind: str) -> None:
    got = a_plan(published("192.168.1.5:5001", kind))
    (relay,) = got.companions
    assert backend_of(got) == backend_of(a_plan(wanted(name="chat", backend={"kind": kind})))
    assert [one.place for one in relay.publish] == ["192.168.1.5:5001"]
    assert relay.networks == ("inner", "edge")
    assert relay.entrypoint[-3:] == (backend_of(got).name, str(BACKENDS[kind].PORT), "8000")
    assert relay.waits_for == (backend_of(got).name,)
    assert (relay.mounts, relay.capabilities, relay.read_only_root) == ((), (), True)
    assert KEY.reveal() not in repr(relay)
    assert [one.name for one in got.services] == [kind, "sillytavern", "api"]
    assert any("http://192.168.1.5:5001, unencrypted" in note for note in got.notes)


def test_an_ipv6_place_is_written_as_compose_wants_it() -> None:
    text = rendered(published("[fd00::5]:5001"), seen())
    assert '"[fd00::5]:5001:8000"' in text


def test_without_the_key_nothing_of_it_is_there() -> None:
    got = a_plan(wanted())
    assert got.companions == ()
    assert len(got.services) == 2


def test_there_is_nothing_to_open_where_the_backend_runs_elsewhere() -> None:
    elsewhere = {"kind": "external", "url": "http://192.168.1.20:5001"}
    assert companion_ports(wanted(backend={**elsewhere, "publish": "127.0.0.1:5001"})) == ()
    assert [one.place for one in companion_ports(published("[fd00::5]:5001"))] == ["[fd00::5]:5001"]


def test_its_health_check_is_fitted_to_the_engine() -> None:
    new, old = (
        a_plan(published("127.0.0.1:5001"), seen(on=engine(version, (2, 40)))) for version in [(28, 5), (20, 10)]
    )
    assert [(one.health.interval_s, one.health.start_interval_s) for one in new.companions] == [(10, 1)]
    assert [(one.health.interval_s, one.health.start_interval_s) for one in old.companions] == [(5, None)]


@pytest.mark.parametrize("place", ["127.0.0.1:8000", "0.0.0.0:8000"])
def test_sillytaverns_own_place_is_refused(place: str) -> None:
    with pytest.raises(ConfigError, match="already used by this stack's SillyTavern"):
        a_plan(published(place))
    assert a_plan(published("192.168.1.5:8000")).companions


def test_a_taken_port_is_told_with_its_holder() -> None:
    world = replace(seen(), publish_conflicts={"127.0.0.1:5001": "nginx (process 7)"}, programs=PROGRAMS)
    with pytest.raises(EngineError, match=r"backend\.publish: port 5001 is taken by nginx"):
        plan(published("127.0.0.1:5001"), world, Lock())
