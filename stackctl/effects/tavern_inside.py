"""SillyTavern, asked inside its container by node: where its published port can't be reached from here."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from stackctl.errors import NotReady

if TYPE_CHECKING:
    import httpx

_URL: Final = "http://127.0.0.1:8000"
_REPLACED: Final = {"host", "content-length"}  # fetch writes its own
# all as it was asked and answered; not by fetch, which sends no other Host than its URL's
_RELAY: Final = """
const r=JSON.parse(process.env.STACKCTL_REQUEST),h=[];
require('http').request(r.url,{method:r.method,headers:r.headers},a=>{
for(let i=0;i<a.rawHeaders.length;i+=2)h.push(a.rawHeaders.slice(i,i+2));
process.stdout.write(JSON.stringify({status:a.statusCode,headers:h})+'\\n');
a.pipe(process.stdout);
}).on('error',e=>{process.stderr.write(String(e));process.exit(7)}).end(r.body&&Buffer.from(r.body,'base64'));
"""
# one process for all: each takes longer to start than to answer
_READER: Final = """
const r=JSON.parse(process.env.STACKCTL_REQUEST);
(async()=>{for(const u of r.urls){
const a=await fetch(u,{headers:r.headers});
process.stdout.write(JSON.stringify([a.status,a.headers.get('content-type')||'',await a.text()])+'\\n');
}})().catch(e=>{process.stderr.write(String(e.cause||e));process.exit(7)});
"""


class ApiClient(Protocol):
    """What relaying needs of the engine."""

    @property
    def client(self) -> Any: ...


def inside(engine: ApiClient, container_id: str) -> "httpx.BaseTransport":
    """A transport that sends each request from inside a container, by node."""
    import httpx

    class Body(httpx.SyncByteStream):
        def __init__(self, start: bytes, rest: Iterator[bytes]) -> None:
            self._start, self._rest = start, rest

        def __iter__(self) -> Iterator[bytes]:
            yield self._start
            yield from self._rest

    class Relay(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            content = request.read()
            wish = {
                "url": f"{_URL}{request.url.raw_path.decode()}",
                "method": request.method,
                "headers": dict(request.headers),
                "body": base64.b64encode(content).decode() if content else None,
            }
            stream = _output(engine, container_id, _RELAY, wish)
            head = b""
            for chunk in stream:
                head += chunk
                if b"\n" in head:
                    break
            line, newline, start = head.partition(b"\n")
            if not newline:
                raise httpx.ConnectError("SillyTavern does not answer inside its container", request=request)
            parsed = json.loads(line)
            return httpx.Response(
                parsed["status"], headers=parsed["headers"], stream=Body(start, stream), request=request
            )

    return Relay()


def reader(
    engine: ApiClient, container_id: str
) -> Callable[[Sequence[str], Mapping[str, str]], Iterator[tuple[int, str, str]]]:
    """What reads many files from inside a container by one process.

    (paths, headers) -> (status, type, text) of each. Raises NotReady for one that does not come.
    """

    def read(paths: Sequence[str], headers: Mapping[str, str]) -> Iterator[tuple[int, str, str]]:
        wish = {"urls": [f"{_URL}{path}" for path in paths], "headers": _kept(headers)}
        left, rest = list(paths), b""
        for chunk in _output(engine, container_id, _READER, wish):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                status, kind, text = json.loads(line)
                left.pop(0)
                yield status, kind, text
        if left:
            raise NotReady(
                f"SillyTavern does not answer {left[0]} inside its container",
                hint="stackctl status; stackctl logs sillytavern",
            )

    return read


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in _REPLACED}


def _output(engine: ApiClient, container_id: str, script: str, wish: dict[str, Any]) -> Iterator[bytes]:
    """What a script of node says in the container, asked for by its environment.

    Not by an argument: the engine's events and the machine's process list would show the password in it.
    """
    api = engine.client.api
    made = api.exec_create(container_id, ["node", "-e", script], environment={"STACKCTL_REQUEST": json.dumps(wish)})
    return (out or b"" for out, _ in api.exec_start(made["Id"], stream=True, demux=True))
