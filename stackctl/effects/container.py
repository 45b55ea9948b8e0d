"""The container that stackctl itself may run in: what of the host it sees, as the engine knows it."""

import socket
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from stackctl.core.same_path import Bind, own_ids

_SIGNS = (Path("/.dockerenv"), Path("/run/.containerenv"))


class Client(Protocol):
    """What this module needs of the engine."""

    @property
    def client(self) -> Any: ...


def binds(
    engine: Client, *, signs: tuple[Path, ...] = _SIGNS, mountinfo: Path = Path("/proc/self/mountinfo")
) -> tuple[Bind, ...] | None:
    """The mounts of our own container; None where we run in none, or in none of this engine's."""
    import docker.errors

    if not any(sign.exists() for sign in signs):
        return None
    for name in own_ids(mountinfo.read_text(), socket.gethostname()):
        try:
            found = engine.client.api.inspect_container(name)
        except docker.errors.NotFound:
            continue
        return tuple(
            Bind(host=PurePosixPath(mount["Source"]), here=PurePosixPath(mount["Destination"]))
            for mount in found["Mounts"]
            if mount["Type"] in {"bind", "volume"}
        )
    return None
