"""Ask SillyTavern inside its container, by node, if its published port can't be reached from here."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from stackctl.core.formats import bounded_json
from stackctl.core.tavern import page as tavern_page
from stackctl.scripts import one_line

if TYPE_CHECKING:
    import httpx

_URL: Final = "http://127.0.0.1:8000"
_REPLACED: Final = {"host", "content-length"}  # fetch sets these itself
_HEAD: Final = 100_000  # bytes; h11's limit of a head
_HEADERS: Final = 1000


class ApiClient(Protocol):
    """The part of the engine that relaying needs."""

    @property
    def client(self) -> Any: ...


def inside(engine: ApiClient, container_id: str, url: str = _URL) -> "httpx.BaseTransport":
    """Return a transport that sends each request from inside a container, by node, to the server at `url`.

    A request with several paths (tavern_page.PATHS) is answered with a line of JSON for each: status, type and text.
    """
    import httpx

    class Body(httpx.SyncByteStream):
        def __init__(self, start: bytes, rest: Iterator[bytes]) -> None:
            self._start, self._rest = start, rest

        def __iter__(self) -> Iterator[bytes]:
            yield self._start
            yield from self._rest

    class Relay(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            said = _output(engine, container_id, *_wish(request, url))
            head = b""
            for chunk in said:
                head += chunk
                if b"\n" in head or len(head) > _HEAD:
                    break
            line, newline, start = head.partition(b"\n")
            if not newline:
                raise httpx.ConnectError("it does not answer inside its container", request=request)
            status, headers = _head(line)
            return httpx.Response(status, headers=headers, stream=Body(start, said), request=request)

    return Relay()


def _wish(request: "httpx.Request", url: str) -> tuple[str, dict[str, Any]]:
    """Return the script that makes a request, and its input."""
    paths: Sequence[str] = request.extensions.get(tavern_page.PATHS, ())
    if paths:
        headers = {name: value for name, value in request.headers.items() if name not in _REPLACED}
        return one_line("tavern_pages"), {"urls": [f"{url}{path}" for path in paths], "headers": headers}
    content = request.read()
    return one_line("tavern_request"), {
        "url": f"{url}{request.url.raw_path.decode()}",
        "method": request.method,
        "headers": dict(request.headers),
        "body": base64.b64encode(content).decode() if content else None,
    }


def _head(line: bytes) -> tuple[int, list[tuple[bytes, bytes]]]:
    """Return (status, headers) of an answer; raise an error of httpx for anything else."""
    import httpx

    try:
        found = bounded_json.parse(line.decode("utf-8", "replace"), _HEADERS)
        status, listed = found["status"], found["headers"]
        headers = [(str(name).lower().encode("ascii"), str(value).encode("latin-1")) for name, value in listed]
    except (ValueError, KeyError, TypeError) as e:
        raise httpx.RemoteProtocolError("what comes from inside its container is not an answer") from e
    if type(status) is not int or not 100 <= status <= 599:
        raise httpx.RemoteProtocolError("what comes from inside its container has no status")
    return status, headers


def _output(engine: ApiClient, container_id: str, script: str, wish: Mapping[str, Any]) -> Iterator[bytes]:
    """Give the output of a node script in the container, which gets its input by the environment.

    Not by an argument, because the engine's events and the process list would show the password in it.
    """
    import docker.errors
    import httpx
    import requests

    api = engine.client.api
    environment = {"STACKCTL_REQUEST": json.dumps(wish)}
    try:
        made = api.exec_create(container_id, ["node", "-e", script], environment=environment)
        for out, _ in api.exec_start(made["Id"], stream=True, demux=True):
            if out:
                yield out
    except (docker.errors.DockerException, requests.RequestException, OSError) as e:
        raise httpx.ReadError(f"the engine: {e}") from e
