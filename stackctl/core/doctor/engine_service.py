"""The engine as a service of this machine: who starts it, and where its configuration lies.

Sources: https://docs.docker.com/engine/daemon/start, .../daemon (places of daemon.json), .../security/rootless;
https://github.com/canonical/docker-snap (its README.md); moby's contrib/init (sysvinit-debian, openrc).
"""

from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final, Literal

from stackctl.contracts.system import User

# systemd; its service of one user; OpenRC; the scripts of System V, as in some containers; snapd
Init = Literal["", "systemd", "systemd --user", "openrc", "sysv", "snap"]
DAEMON: Final = "dockerd"
_SOCKETS: Final = frozenset({"/var/run/docker.sock", "/run/docker.sock"})  # of the machine's own engine
DAEMON_JSON: Final = PurePosixPath("/etc/docker/daemon.json")
_PID_FILE: Final = PurePosixPath("/run/docker.pid")
_OPTION: Final = "--config-file"
_STORE: Final = "/nix/store/"  # whose files are never written
# init -> its command
_START: Final = MappingProxyType(
    {
        "systemd": ("systemctl", "start", "docker"),
        "systemd --user": ("systemctl", "--user", "start", "docker"),
        "openrc": ("rc-service", "docker", "start"),
        "sysv": ("service", "docker", "start"),
        "snap": ("snap", "start", "docker"),
    }
)
_STOP: Final = MappingProxyType(
    {
        "systemd": ("systemctl", "stop", "docker.socket", "docker.service"),
        "systemd --user": ("systemctl", "--user", "stop", "docker"),
        "openrc": ("rc-service", "docker", "stop"),
        "sysv": ("service", "docker", "stop"),
        "snap": ("snap", "stop", "docker"),
    }
)
_RESTART: Final = MappingProxyType(
    {init: tuple("restart" if word == "start" else word for word in argv) for init, argv in _START.items()}
)
_ENABLE: Final = MappingProxyType(
    {
        "systemd": (("systemctl", "enable", "docker"), ("systemctl", "disable", "docker")),
        "systemd --user": (("systemctl", "--user", "enable", "docker"), ("systemctl", "--user", "disable", "docker")),
        "openrc": (("rc-update", "add", "docker", "default"), ("rc-update", "del", "docker", "default")),
        "sysv": (("update-rc.d", "docker", "enable"), ("update-rc.d", "docker", "disable")),
        "snap": (("snap", "start", "--enable", "docker"), ("snap", "stop", "--disable", "docker")),
    }
)


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the files of an engine are: its configuration, unless it is given another one, and its process id."""

    config: PurePosixPath = DAEMON_JSON
    pid_file: PurePosixPath = _PID_FILE
    is_rootless: bool = False


SNAP: Final = Places(
    config=PurePosixPath("/var/snap/docker/current/config/daemon.json"),
    pid_file=PurePosixPath("/run/snap.docker/docker.pid"),
)


@dataclass(frozen=True, kw_only=True)
class EngineService:
    """How this machine runs its engine.

    init: "" if stackctl does not know it, or another engine than this service is in use: then nothing is restarted.
    config_text: "" if there is no such file; None if it can't be read. options: those that the running dockerd has.
    """

    init: Init = ""
    config: PurePosixPath = DAEMON_JSON
    config_text: str | None = ""
    daemon: str = ""  # the path of dockerd; "" if it is not found
    options: tuple[str, ...] = ()
    can_validate: bool = False  # dockerd can check a configuration: 23.0 and newer
    pid: int = 0  # of the dockerd that runs as this service; 0 if none is seen
    has_usermod: bool = True  # of the package shadow; Alpine has BusyBox's addgroup instead

    @property
    def needs_root(self) -> bool:
        return self.init != "systemd --user"


def find_places(socket: str, user: User) -> Places | None:
    """Return the places of the engine that listens on a socket; None if it is neither the machine's nor this user's."""
    if socket in _SOCKETS:
        return Places()
    folder = f"/run/user/{user.uid}"
    if socket != f"{folder}/docker.sock" or not user.home:
        return None
    home = PurePosixPath(user.home)
    return Places(
        config=home / ".config/docker/daemon.json", pid_file=PurePosixPath(folder) / "docker.pid", is_rootless=True
    )


def start_argv(service: EngineService) -> tuple[str, ...]:
    """Return the command that starts the engine; () if none is known."""
    return _START.get(service.init, ())


def stop_argv(service: EngineService) -> tuple[str, ...]:
    """Return the command that stops the engine; () if none is known."""
    return _STOP.get(service.init, ())


def restart_argv(service: EngineService) -> tuple[str, ...]:
    """Return the command that restarts the engine; () if none is known."""
    return _RESTART.get(service.init, ())


def enable_argvs(service: EngineService) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the commands that start the engine at each boot, and no more; ((), ()) if none are known."""
    return _ENABLE.get(service.init, ((), ()))


def config_path(options: tuple[str, ...], default: PurePosixPath) -> PurePosixPath:
    """Return the configuration file that a dockerd with these options reads."""
    found = default
    for at, word in enumerate(options):
        name, has_value, value = word.partition("=")
        if name == _OPTION:
            found = PurePosixPath(value if has_value else "".join(options[at + 1 : at + 2]))
    return found


def validate_argv(service: EngineService) -> tuple[str, ...]:
    """Return the command that checks a configuration file, {}, beside the options of the running daemon; () if none.

    An option that the file repeats keeps dockerd from starting.
    """
    if not (service.daemon and service.can_validate):
        return ()
    kept: list[str] = []
    words = iter(service.options)
    for word in words:
        if word == _OPTION:
            next(words, None)
        elif not word.startswith(f"{_OPTION}="):
            kept.append(word)
    return (service.daemon, *kept, "--validate", _OPTION, "{}")


def is_writable(service: EngineService) -> bool:
    """Return whether somebody may write the configuration file."""
    return service.config_text is not None and not str(service.config).startswith(_STORE)
