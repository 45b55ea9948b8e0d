"""Looks at how this machine runs its engine: which service it is, and its configuration."""

from pathlib import PurePosixPath
from typing import Final

from stackctl.contracts.engine_link import EngineLink
from stackctl.core.doctor import engine_service as known
from stackctl.core.doctor.engine_service import DAEMON, EngineService, Init, Places, config_path
from stackctl.machine import Machine
from stackctl.steps.doctor.check import Looks

_SYSTEMD: Final = PurePosixPath("/run/systemd/system")
_OPENRC: Final = PurePosixPath("/run/openrc")
_SCRIPT: Final = PurePosixPath("/etc/init.d/docker")
_SNAP: Final = PurePosixPath("/var/snap/docker/current")
_TRUENAS: Final = "midclt"  # its middleware writes daemon.json and starts Docker itself
_UNITS: Final = ("/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd")
_ASK_S: Final = 1.0


def engine_service(looks: Looks) -> EngineService:
    """Return how this machine runs its engine; one that stackctl does not know has no init. Never raises."""
    return looks.once("engine service", lambda: _look(looks.machine, looks.link()))


def _look(machine: Machine, link: EngineLink) -> EngineService:
    system = machine.system
    places = known.find_places(link.socket, system.user())
    init = _init(machine, places) if places else ""
    if places is None or not init:
        return EngineService(config_text=None, has_usermod=bool(system.program("usermod")))
    if init == "snap":
        places = known.SNAP
    pid = _pid(machine, places)
    if not pid and not link.failure:
        init = ""  # what answers is no dockerd of this service, but Podman or one elsewhere
    options = tuple((system.text(PurePosixPath(f"/proc/{pid}/cmdline")) or "").split("\0")[1:]) if pid else ()
    daemon = system.program(DAEMON)
    config = config_path(options, places.config)
    return EngineService(
        init=init,
        config=config,
        config_text=_text(machine, config),
        daemon=daemon,
        options=tuple(one for one in options if one),
        can_validate=bool(daemon) and "--validate" in system.ask((daemon, "--help"), within_s=_ASK_S).out,
        pid=pid,
        has_usermod=bool(system.program("usermod")),
    )


def _init(machine: Machine, places: Places) -> Init:
    """Return what starts the engine; "" if it is nothing that stackctl knows."""
    system = machine.system
    if system.program(_TRUENAS):
        return ""
    if places.is_rootless:
        unit = PurePosixPath(system.user().home) / ".config/systemd/user/docker.service"
        return "systemd --user" if system.exists(_SYSTEMD) and system.exists(unit) else ""
    if system.exists(_SYSTEMD):
        if any(system.exists(PurePosixPath(one) / "system/docker.service") for one in _UNITS):
            return "systemd"
        return "snap" if system.exists(_SNAP) else ""
    if not system.exists(_SCRIPT):
        return ""
    if system.exists(_OPENRC):
        return "openrc"
    return "sysv" if system.program("service") else ""


def _pid(machine: Machine, places: Places) -> int:
    """Return the process of the dockerd that runs as this service; 0 if there is none."""
    said = (machine.system.text(places.pid_file) or "").strip()
    if not said.isdecimal():
        return 0
    name = (machine.system.text(PurePosixPath(f"/proc/{said}/comm")) or "").strip()
    return int(said) if name == DAEMON else 0


def _text(machine: Machine, path: PurePosixPath) -> str | None:
    """Return a file's text, "" if there is none; None if it can't be read, or its folder hides it."""
    found = machine.system.text(path)
    if found is not None or machine.system.exists(path):
        return found
    is_hidden = machine.system.exists(path.parent) and machine.system.ask(("test", "-x", str(path.parent))).code == 1
    return None if is_hidden else ""
