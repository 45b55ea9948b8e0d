"""Whether the engine starts when the machine boots."""

from dataclasses import replace

import pytest

from stackctl.core.doctor.at_boot import BootUnit, is_enabled, is_known, judge, names_unit, unit_of
from stackctl.core.doctor.engine_service import EngineService, Init
from tests.core.samples import engine

SYSTEMD = EngineService(init="systemd")


@pytest.mark.parametrize("init", ["systemd", "systemd --user", "openrc", "sysv"])
def test_each_known_init_can_be_asked(init: Init) -> None:
    unit = unit_of(engine(), EngineService(init=init))
    assert unit
    assert bool(unit.argv) != bool(unit.folder)


def test_an_engine_that_no_known_service_starts_is_not_judged() -> None:
    assert unit_of(engine(), EngineService()) is None


def test_podman_is_asked_for_what_starts_its_containers() -> None:
    podman = replace(engine(), product="Podman Engine", is_rootless=True)
    unit = unit_of(podman, EngineService())
    assert unit == BootUnit(argv=("systemctl", "--user", "is-enabled", "podman-restart.service"), lingers=True)


@pytest.mark.parametrize(
    ("answer", "enabled"), [("enabled", True), ("static", True), ("disabled", False), ("masked", False)]
)
def test_systemds_answer_is_understood(answer: str, enabled: bool) -> None:
    assert is_known(answer)
    assert is_enabled(answer) == enabled


def test_what_systemd_does_not_know_is_no_answer() -> None:
    assert not is_known("not-found")
    assert not is_known("Failed to connect to bus")


def test_system_v_starts_what_begins_with_s() -> None:
    unit = unit_of(engine(), EngineService(init="sysv"))
    assert unit
    assert names_unit("S20docker", unit)
    assert not names_unit("K20docker", unit)
    assert not names_unit("S20docker-registry", unit)


def test_an_engine_that_starts_at_boot_is_no_issue() -> None:
    assert judge(BootUnit(), SYSTEMD, is_enabled=True, lingers=True) is None


def test_one_that_does_not_is_a_warning_with_the_command_and_its_repair() -> None:
    unit = unit_of(engine(), SYSTEMD)
    assert unit
    found = judge(unit, SYSTEMD, is_enabled=False, lingers=True)
    assert found
    assert (found.issue, found.severity, found.hint) == (
        "engine-not-at-boot", "warning", "Run `sudo systemctl enable docker` once.",
    )  # fmt: skip
    assert found.repair


def test_a_users_engine_needs_linger() -> None:
    service = EngineService(init="systemd --user")
    unit = unit_of(engine(), service)
    assert unit
    found = judge(unit, service, is_enabled=True, lingers=False)
    assert found
    assert "at its user's login" in found.says
    assert "sudo loginctl enable-linger" in found.hint


def test_podmans_unit_is_enabled_by_its_name() -> None:
    unit = unit_of(replace(engine(), product="Podman Engine"), EngineService())
    assert unit
    found = judge(unit, EngineService(), is_enabled=False, lingers=True)
    assert found
    assert (found.hint, found.repair) == ("Run `sudo systemctl enable podman-restart.service` once.", None)
