"""The way to the engine: where it is looked for, and who listens there."""

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


# seconds for the first answer: one on this machine may be starting, which systemd does at its socket's first use
_PATIENCE_S: Final = 5
_PATIENCE_HERE_S: Final = 10
_LONGEST_S: Final = 120  # for each later answer


def refuse_distant(folder: PurePosixPath, command: str) -> None:
    """Raise EngineError where the current Docker context is a machine that has none of our files.

    It asks no engine, and loads the SDK only where the user has chosen a context.
    """
    refuse_ssh(os.environ.get("DOCKER_HOST") or (_address() if _has_context() else ""), folder, command)


def connect(patience_s: int | None = None) -> "DockerClient":
    """Return the engine of the current Docker context; raise EngineError where none answers, NoAnswer if not in time.

    `patience_s`: for the first answer; None: by where the engine is.
    """
    import docker
    import docker.errors

    address = _address()
    refuse_ssh(address, PurePosixPath(Path.cwd()), "deploy")
    if not address:  # the SDK would take the default engine, and Compose none
        raise EngineError(
            "the current Docker context can't be read", hint="docker context ls; docker context use default"
        )
    is_here = address.startswith(("unix:", "npipe:"))
    try:
        client = docker.from_env(timeout=patience_s or (_PATIENCE_HERE_S if is_here else _PATIENCE_S))
    except (docker.errors.DockerException, ValueError) as e:  # ValueError: a port that is no number
        raise no_engine(str(e), address) from e
    client.api.timeout = _LONGEST_S
    return client


@dataclass(frozen=True, kw_only=True)
class Peer:
    """The process that listens on a socket, and as whom; pid 0: it is outside of our pid namespace."""

    pid: int
    user: Owner


def listener(path: str) -> Peer | None:
    """Who listens on a unix socket; None: this system can't say."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    pid, uid, gid = struct.unpack("3i", found)
    return Peer(pid=pid, user=Owner(uid=uid, gid=gid))


def _has_context() -> bool:
    """Whether the user may have chosen a context, by the environment or by `docker context use`."""
    config = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
    with suppress(OSError):
        return "DOCKER_CONTEXT" in os.environ or b'"currentContext"' in config.read_bytes()
    return False


def _address() -> str:
    """Where the engine is looked for: DOCKER_HOST, or what the current Docker context says; "" if it can't be read."""
    import docker.errors
    from docker.context import ContextAPI

    with suppress(docker.errors.DockerException, OSError, ValueError):
        return os.environ.get("DOCKER_HOST") or str(ContextAPI.kwargs_from_context().get("base_url", ""))
    return ""
