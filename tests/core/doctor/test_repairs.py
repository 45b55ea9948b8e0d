"""Repairs as values: what each does, and its way back."""

from pathlib import PurePosixPath

import pytest

from stackctl.contracts.repair import Repair, RestartEngine, RunProgram, WriteFile
from stackctl.core.doctor import repairs
from stackctl.core.doctor.engine_service import EngineService, Init
from stackctl.core.doctor.repair_text import describe, say_stopped
from stackctl.core.observed import RunningContainer

CDI = {"features": {"cdi": True}}
SYSTEMD = EngineService(init="systemd", config_text='{"debug": true}', daemon="/usr/bin/dockerd", pid=77)


def texts(repair: Repair | None) -> tuple[str, ...]:
    assert repair
    return describe(repair, is_root=False)


@pytest.mark.parametrize(
    ("init", "start", "stop"),
    [
        ("systemd", "sudo systemctl start docker", ("systemctl", "stop", "docker.socket", "docker.service")),
        ("systemd --user", "systemctl --user start docker", ("systemctl", "--user", "stop", "docker")),
        ("openrc", "sudo rc-service docker start", ("rc-service", "docker", "stop")),
        ("sysv", "sudo service docker start", ("service", "docker", "stop")),
        ("snap", "sudo snap start docker", ("snap", "stop", "docker")),
    ],
)
def test_the_engine_is_started_as_this_machine_starts_it_and_stopped_in_the_same_way(
    init: Init, start: str, stop: tuple[str, ...]
) -> None:
    repair = repairs.start_engine(EngineService(init=init))
    assert texts(repair) == (start,)
    assert repair
    (step,) = repair.steps
    assert isinstance(step, RunProgram)
    assert step.undo == stop


def test_where_no_way_is_known_no_repair_is_offered() -> None:
    unknown = EngineService()
    assert repairs.start_engine(unknown) is None
    assert repairs.enable_engine(unknown) is None
    assert repairs.set_engine_config(unknown, CDI) is None


def test_a_setting_is_written_checked_and_read_by_a_restart() -> None:
    repair = repairs.set_engine_config(SYSTEMD, CDI)
    assert repair
    write, restart = repair.steps
    assert isinstance(write, WriteFile)
    assert (write.former, write.text) == ('{"debug": true}', '{"debug": true, "features": {"cdi": true}}')
    assert restart == RestartEngine(argv=("systemctl", "restart", "docker"))
    assert repair.does == 'Add "features": {"cdi": true} to /etc/docker/daemon.json, and restart Docker.'


def test_a_setting_that_the_engine_reads_while_it_runs_stops_no_container() -> None:
    repair = repairs.set_engine_config(SYSTEMD, CDI, restarts=False)
    assert repair
    assert repair.steps[1] == RestartEngine(argv=("systemctl", "reload", "docker"), stops_containers=False)
    sysv = EngineService(init="sysv", config_text="", pid=77)
    repair = repairs.set_engine_config(sysv, CDI, restarts=False)
    assert repair
    assert repair.steps[1] == RestartEngine(argv=("kill", "-s", "HUP", "77"), stops_containers=False)


@pytest.mark.parametrize("text", ['{"debug": true,}', None, '{"features": {"cdi": true}}'])
def test_a_file_that_is_damaged_unreadable_or_has_the_setting_already_is_not_written(text: str | None) -> None:
    assert repairs.set_engine_config(EngineService(init="systemd", config_text=text), CDI) is None


def test_a_user_is_added_to_a_group_by_the_programs_that_are_here() -> None:
    shadow = repairs.add_to_group("ann", SYSTEMD)
    assert texts(shadow) == ("sudo usermod --append --groups docker ann",)
    busybox = repairs.add_to_group("ann", EngineService(init="openrc", has_usermod=False))
    assert texts(busybox) == ("sudo addgroup ann docker",)
    for repair, undo in ((shadow, ("gpasswd", "--delete", "ann", "docker")), (busybox, ("delgroup", "ann", "docker"))):
        (step,) = repair.steps
        assert isinstance(step, RunProgram)
        assert step.undo == undo
        assert "Log in again" in repair.then


def test_a_file_is_described_with_its_check_and_its_copy() -> None:
    write = WriteFile(path=PurePosixPath("/etc/a"), text="b", says="adds b to /etc/a", validate=("dockerd", "{}"))
    said = describe(Repair(does="Write it.", steps=(write,)), is_root=True)
    assert said == ("adds b to /etc/a, after `dockerd --validate` has accepted it; the former file is kept beside it",)


def test_the_containers_that_a_restart_stops_are_named_with_what_becomes_of_them() -> None:
    one, two = RunningContainer(name="web"), RunningContainer(name="job", returns=False)
    assert say_stopped((one, two)) == (
        "It stops these containers for a moment: web. "
        "It stops these containers, which do not start again by themselves: job."
    )
    assert say_stopped(()) == ""
