"""Paths of stackctl in a container: the engine reads paths on its host, so each path must be the same on both."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from stackctl.errors import ConfigError, EngineError
from stackctl.terminal import command_line

# a container with separate networks and processes would not see the host's memory, addresses, routes and listeners
_RUN = "docker run --rm -it --network host --pid host -v /var/run/docker.sock:/var/run/docker.sock"
_IMAGE = "localhost/stackctl/stackctl:1"


@dataclass(frozen=True)
class Bind:
    """A part of the host's file system that is mounted into stackctl's container."""

    host: PurePosixPath
    here: PurePosixPath


def own_ids(mountinfo: str, hostname: str) -> tuple[str, ...]:
    """Return the possible ids of stackctl's container, from /proc/self/mountinfo and its host name; the best first."""
    found = re.findall(r"containers/([0-9a-f]{64})/", mountinfo)
    short = [hostname] if re.fullmatch(r"[0-9a-f]{12}", hostname) else []
    return tuple(dict.fromkeys([*found, *short]))


def on_host(path: PurePosixPath, binds: Iterable[Bind]) -> PurePosixPath | None:
    """Return where a path of stackctl's container lies on the host; None if it lies in the container alone."""
    around = [bind for bind in binds if path.is_relative_to(bind.here)]
    if not around:
        return None
    nearest = max(around, key=lambda bind: len(bind.here.parts))
    return nearest.host / path.relative_to(nearest.here)


def refuse_elsewhere(what: str, path: PurePosixPath, binds: Iterable[Bind] | None, *, is_folder: bool = False) -> None:
    """Raise ConfigError unless the host has `path` under the same path. binds: None outside of a container."""
    host = path if binds is None else on_host(path, binds)
    if host == path:
        return
    if host is None:
        says = f"{what} {path} is not mounted into this container, so the engine would not find it on the host"
        run = '-v "$PWD:$PWD" -w "$PWD"' if is_folder else _mount(path.parent)
    else:
        says = f"{what} is {path} in this container but {host} on the host, where the engine would look for it"
        run = f"{_mount(host)} {command_line('-w', host)}" if is_folder else _mount(host.parent)
    raise ConfigError(
        says,
        hint=f"Mount it at the same path: `{f'{_RUN} {run} {_IMAGE} ...' if is_folder else run}`.",
        issue="folder-not-seen",
    )


def refuse_ssh(address: str, folder: PurePosixPath, command: str) -> None:
    """Raise EngineError for an engine by ssh://, whose machine has none of the files that stackctl would mount.

    command: the command of stackctl, such as "deploy", which a container on that machine can run instead.
    """
    if not address.lower().startswith("ssh://"):
        return
    there = f"{_RUN} {_mount(folder)} {command_line('-w', folder)} {_IMAGE} {command}"
    raise EngineError(
        f"the engine is another machine's ({address}), which has none of this machine's files",
        hint=f"Run stackctl on that machine, in a container: `{there}`. Copy its image there first: "
        f"`docker -H unix:///var/run/docker.sock save {_IMAGE} | docker load`.",
        issue="engine-elsewhere",
    )


def _mount(place: PurePosixPath) -> str:
    return command_line("-v", f"{place}:{place}")
