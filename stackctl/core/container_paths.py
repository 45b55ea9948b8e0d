"""stackctl in a container: the engine takes paths as its host has them, so each must be the same in here."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from stackctl.errors import ConfigError, EngineError
from stackctl.terminal import command_line

# its own networks and processes would hide the host's memory, addresses, routes and listeners
_RUN = "docker run --rm -it --network host --pid host -v /var/run/docker.sock:/var/run/docker.sock"
_IMAGE = "localhost/stackctl/stackctl:1"


@dataclass(frozen=True)
class Bind:
    """A part of the host's file system that our container sees."""

    host: PurePosixPath
    here: PurePosixPath


def own_ids(mountinfo: str, hostname: str) -> tuple[str, ...]:
    """What the container that we are in may be called, from /proc/self/mountinfo and its host name; best first."""
    found = re.findall(r"containers/([0-9a-f]{64})/", mountinfo)
    short = [hostname] if re.fullmatch(r"[0-9a-f]{12}", hostname) else []
    return tuple(dict.fromkeys([*found, *short]))


def on_host(path: PurePosixPath, binds: Iterable[Bind]) -> PurePosixPath | None:
    """Where a path of ours lies on the host; None: nowhere, it is the container's own."""
    around = [bind for bind in binds if path.is_relative_to(bind.here)]
    if not around:
        return None
    nearest = max(around, key=lambda bind: len(bind.here.parts))
    return nearest.host / path.relative_to(nearest.here)


def refuse_elsewhere(what: str, path: PurePosixPath, binds: Iterable[Bind] | None, *, is_folder: bool = False) -> None:
    """Raise ConfigError unless the host has `path` under the same path. binds None: we are in no container."""
    host = path if binds is None else on_host(path, binds)
    if host == path:
        return
    if host is None:
        says = f"{what} {path} is not mounted into this container, so the engine would not find it on the host"
        run = '-v "$PWD:$PWD" -w "$PWD"' if is_folder else _mount(path.parent)
    else:
        says = f"{what} is {path} in this container but {host} on the host, where the engine would look for it"
        run = f"{_mount(host)} {command_line('-w', host)}" if is_folder else _mount(host.parent)
    raise ConfigError(says, hint=f"Mount it at the same path: `{f'{_RUN} {run} {_IMAGE} ...' if is_folder else run}`.")


def refuse_ssh(address: str, folder: PurePosixPath, command: str) -> None:
    """Raise EngineError for an engine by ssh://: its machine has none of the files that we would write or mount here.

    `command`: what stackctl was asked for, such as "deploy", which its own container on that machine can do.
    """
    if not address.lower().startswith("ssh://"):
        return
    there = f"{_RUN} {_mount(folder)} {command_line('-w', folder)} {_IMAGE} {command}"
    raise EngineError(
        f"the engine is another machine's ({address}), which has none of this machine's files",
        hint=f"Run stackctl on that machine, in a container: `{there}`. Copy its image there first: "
        f"`docker -H unix:///var/run/docker.sock save {_IMAGE} | docker load`.",
    )


def _mount(place: PurePosixPath) -> str:
    return command_line("-v", f"{place}:{place}")
