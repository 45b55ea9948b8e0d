"""The connection to the engine: its address, and the process that listens there."""

import os
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from stackctl.contracts.host import Owner
from stackctl.core.container_paths import refuse_ssh
from stackctl.core.start.docker_errors import no_engine
from stackctl.errors import EngineError

if TYPE_CHECKING:
    from docker import DockerClient


# seconds for the first answer: systemd may start an engine on this machine at its socket's first use
_PATIENCE_S: Final = 5
_PATIENCE_HERE_S: Final = 10
_LONGEST_S: Final = 120  # for each later answer


def refuse_distant(folder: PurePosixPath, command: str) -> None:
    """Raise EngineError if the current Docker context is a machine that has none of our files.

    This asks no engine, and imports the SDK only if the user has chosen a context.
    """
    refuse_ssh(os.environ.get("DOCKER_HOST") or (_address() if _has_context() else ""), folder, command)


def connect(patience_s: int | None = None) -> "DockerClient":
    """Return the engine of the current Docker context; raise EngineError if none answers, NoAnswer if not in time.

    `patience_s`: for the first answer; None: chosen by where the engine is.
    """
    import docker
    import docker.errors

    address = _address()
    refuse_ssh(address, PurePosixPath(Path.cwd()), "deploy")
    if not address:  # the SDK would use the default engine, but Compose would use none
        raise EngineError(
            "the current Docker context can't be read",
            hint="Run `docker context ls` to see the contexts, then `docker context use default`.",
            issue="engine-context-unreadable",
        )
    is_here = address.startswith(("unix:", "npipe:"))
    try:
        client = docker.from_env(timeout=patience_s or (_PATIENCE_HERE_S if is_here else _PATIENCE_S))
    except (docker.errors.DockerException, ValueError) as e:  # ValueError: a port that is not a number
        raise no_engine(str(e), address) from e
    client.api.timeout = _LONGEST_S
    return client


@dataclass(frozen=True, kw_only=True)
class Peer:
    """The process that listens on a socket, and its user. pid 0: it is outside of our pid namespace."""

    pid: int
    user: Owner


def listener(path: str) -> Peer | None:
    """Return the process that listens on a unix socket; None if this system can't tell."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    pid, uid, gid = struct.unpack("3i", found)
    return Peer(pid=pid, user=Owner(uid=uid, gid=gid))


def _has_context() -> bool:
    """Return whether the user may have chosen a context, by the environment or by `docker context use`."""
    config = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
    with suppress(OSError):
        return "DOCKER_CONTEXT" in os.environ or b'"currentContext"' in config.read_bytes()
    return False


def _address() -> str:
    """Return the engine's address: DOCKER_HOST, or that of the current Docker context; "" if it can't be read."""
    import docker.errors
    from docker.context import ContextAPI

    with suppress(docker.errors.DockerException, OSError, ValueError):
        return os.environ.get("DOCKER_HOST") or str(ContextAPI.kwargs_from_context().get("base_url", ""))
    return ""
