"""The engine as a service: its places, its commands, and the check of its configuration."""

from pathlib import PurePosixPath
from typing import get_args

import pytest

from stackctl.contracts.system import User
from stackctl.core.doctor import engine_service as known
from stackctl.core.doctor.engine_service import EngineService, Init, Places

USER = User(name="ann", uid=1000, home="/home/ann")
ROOTLESS = Places(
    config=PurePosixPath("/home/ann/.config/docker/daemon.json"),
    pid_file=PurePosixPath("/run/user/1000/docker.pid"),
    is_rootless=True,
)


@pytest.mark.parametrize(
    ("socket", "places"),
    [
        ("/var/run/docker.sock", Places()),
        ("/run/docker.sock", Places()),
        ("/run/user/1000/docker.sock", ROOTLESS),
        ("/run/user/1001/docker.sock", None),  # another user's
        ("/srv/engine/docker.sock", None),
        ("", None),
    ],
)
def test_the_engine_of_the_machine_and_that_of_the_user_are_known_and_no_other(
    socket: str, places: Places | None
) -> None:
    assert known.find_places(socket, USER) == places


@pytest.mark.parametrize("init", [one for one in get_args(Init) if one])
def test_every_init_has_all_commands_and_an_undo(init: Init) -> None:
    service = EngineService(init=init)
    enable, disable = known.enable_argvs(service)
    for argv in (known.start_argv(service), known.stop_argv(service), known.restart_argv(service), enable, disable):
        assert any("docker" in word for word in argv)
    assert known.start_argv(service) != known.stop_argv(service)


def test_of_an_unknown_init_nothing_is_known() -> None:
    service = EngineService()
    assert known.start_argv(service) == known.stop_argv(service) == known.restart_argv(service) == ()
    assert known.enable_argvs(service) == ((), ())


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ((), "/etc/docker/daemon.json"),
        (("-H", "fd://", "--config-file=/srv/d.json"), "/srv/d.json"),
        (("--config-file", "/srv/d.json", "--debug"), "/srv/d.json"),
    ],
)
def test_the_configuration_is_the_one_that_the_daemon_reads(options: tuple[str, ...], path: str) -> None:
    assert known.config_path(options, Places().config) == PurePosixPath(path)


def test_a_configuration_is_checked_beside_the_options_of_the_daemon() -> None:
    options = ("-H", "fd://", "--config-file", "/etc/d.json", "--debug")
    service = EngineService(init="systemd", daemon="/usr/bin/dockerd", options=options, can_validate=True)
    checked = ("/usr/bin/dockerd", "-H", "fd://", "--debug", "--validate", "--config-file", "{}")
    assert known.validate_argv(service) == checked
    assert known.validate_argv(EngineService(init="systemd", daemon="/usr/bin/dockerd")) == ()  # older than 23.0


@pytest.mark.parametrize(
    ("service", "is_writable"),
    [
        (EngineService(), True),
        (EngineService(config_text=None), False),
        (EngineService(config=PurePosixPath("/nix/store/abc-daemon.json"), config_text="{}"), False),
    ],
)
def test_what_can_not_be_read_or_written_is_not_written(service: EngineService, is_writable: bool) -> None:
    assert known.is_writable(service) is is_writable
