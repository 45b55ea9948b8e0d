"""Pass on the logs of a stack's services, whatever nodes their tasks run on, as Compose prints those of containers."""

import queue
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final

from stackctl.effects.docker.client import sdk_errors
from stackctl.errors import EngineError
from stackctl.orchestrators.swarm.api import Api
from stackctl.ports.disk import Says

_NODE: Final = re.compile(r"com\.docker\.swarm\.node\.id=([a-z0-9]+)")
_COLOURS: Final = (36, 33, 32, 35)  # cyan, yellow, green, magenta
_LONGEST: Final = 64 * 1024  # bytes of a line


def pass_on(
    services: Mapping[str, str],
    nodes: Mapping[str, str],
    api: Api,
    *,
    tail: str,
    follow: bool,
    out: Says,
    coloured: bool,
) -> None:
    """Give each line with its service's name and its node's, until all logs end.

    services: name -> id. nodes: id -> host name. tail: how many lines of each, or "all".
    """
    lines: queue.Queue[tuple[str, bytes] | None] = queue.Queue(1000)
    for name, service in services.items():
        threading.Thread(
            target=_read, args=(name, service, api, lines), kwargs={"tail": tail, "follow": follow}, daemon=True
        ).start()
    heads = {name: _COLOURS[index % len(_COLOURS)] if coloured else 0 for index, name in enumerate(services)}
    width = max((len(f"{name}@{node}") for name in services for node in (*nodes.values(), "")), default=0)
    left = len(services)
    while left:
        found = lines.get()
        if found is None:
            left -= 1
            continue
        name, raw = found
        node, text = split_line(raw.decode("utf-8", "replace"), nodes)
        head = f"{name}@{node}".rstrip("@").ljust(width)
        out(f"\x1b[{heads[name]}m{head} |\x1b[0m {text}\n" if heads[name] else f"{head} | {text}\n")


def split_line(line: str, nodes: Mapping[str, str]) -> tuple[str, str]:
    """Return the host name of a line's node, "" if it is unknown, and the line without the details before it."""
    details, _, text = line.partition(" ")
    found = _NODE.search(details)
    return (nodes.get(found[1], ""), text) if found else ("", line)


def whole_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Give a stream's lines without their ends; one without an end is cut."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from (line.rstrip(b"\r") for line in whole)
        if len(rest) > _LONGEST:
            yield rest[:_LONGEST]
            rest = b""
    if rest:
        yield rest


def _read(
    name: str,
    service: str,
    api: Api,
    lines: "queue.Queue[tuple[str, bytes] | None]",
    *,
    tail: str,
    follow: bool,
) -> None:
    with suppress(*sdk_errors(), EngineError, OSError, ValueError, AttributeError):
        for line in whole_lines(api.follow_log("services", service, tail=tail, follow=follow, details=True)):
            lines.put((name, line))
    lines.put(None)
