"""What a manager knows of a task that runs on another node."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from stackctl.core.smoke.reachability import Attachment, ContainerNetworking
from stackctl.effects.docker.client import sdk_errors

_MOST: Final = 8 << 20  # bytes of a log that are read
_LONGEST: Final = 16 << 10  # bytes of one line


def container_of(task: Mapping[str, Any]) -> str:
    """Return the id of a task's container; "" while it has none."""
    return str(((task.get("Status") or {}).get("ContainerStatus") or {}).get("ContainerID") or "")


def attached(task: Mapping[str, Any]) -> ContainerNetworking:
    """Return the networks of a task's container. Its node publishes no port: SillyTavern alone has one, on ours."""
    return ContainerNetworking(
        networks=tuple(
            Attachment(
                network=str((one.get("Network") or {}).get("Spec", {}).get("Name", "")),
                address=str((one.get("Addresses") or [""])[0]).partition("/")[0],
                is_internal=(is_internal := bool((one.get("Network") or {}).get("Spec", {}).get("Internal"))),
                is_isolated=is_internal,  # no node has an address in an internal overlay
            )
            for one in task.get("NetworksAttachments") or ()
        )
    )


def last_lines(read: Callable[[], Iterator[bytes]], lines: int) -> tuple[str, ...]:
    """Return the last lines of a log that comes in pieces; what came before the engine broke off, if it did."""
    from urllib3.exceptions import HTTPError

    broken: tuple[type[Exception], ...] = (*sdk_errors(), HTTPError)
    kept: deque[bytes] = deque(maxlen=lines)
    left, rest = _MOST, b""
    try:
        for piece in read():
            *whole, rest = (rest + piece).split(b"\n")
            rest = rest[:_LONGEST]
            kept.extend(one[:_LONGEST] for one in whole)
            left -= len(piece)
            if left < 0:
                break
    except broken:
        pass
    if rest:
        kept.append(rest)
    return tuple(one.decode("utf-8", "replace") for one in kept)
