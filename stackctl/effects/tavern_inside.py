"""SillyTavern, asked inside its container by node: where its published port can't be reached from here."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from stackctl.core import small_json, tavern_page

if TYPE_CHECKING:
    import httpx

_URL: Final = "http://127.0.0.1:8000"
_REPLACED: Final = {"host", "content-length"}  # node writes its own
_HEAD: Final = 100_000  # bytes; as many as h11 takes of a head
_HEADERS: Final = 1000
_RELAY: Final = """
const r=JSON.parse(process.env.STACKCTL_REQUEST);
const body=r.body===null?undefined:Buffer.from(r.body,'base64');
fetch(r.url,{method:r.method,headers:r.headers,body,redirect:'manual'}).then(async a=>{
const h=[];a.headers.forEach((v,k)=>{if(k!=='set-cookie')h.push([k,v])});
for(const c of a.headers.getSetCookie())h.push(['set-cookie',c]);
process.stdout.write(JSON.stringify({status:a.status,headers:h})+'\\n');
for await(const c of a.body)process.stdout.write(c);
}).catch(e=>{process.stderr.write(String(e.cause||e));process.exit(7)});
"""
# one process for all: each takes longer to start than to answer
_READER: Final = """
const r=JSON.parse(process.env.STACKCTL_REQUEST);
process.stdout.write(JSON.stringify({status:200,headers:[]})+'\\n');
(async()=>{for(const u of r.urls){
const a=await fetch(u,{headers:r.headers,redirect:'manual'});
const type=a.headers.get('content-type')||'';
process.stdout.write(JSON.stringify({status:a.status,type,text:await a.text()})+'\\n');
}})().catch(e=>{process.stderr.write(String(e.cause||e));process.exit(7)});
"""


class ApiClient(Protocol):
    """What relaying needs of the engine."""

    @property
    def client(self) -> Any: ...


def inside(engine: ApiClient, container_id: str, url: str = _URL) -> "httpx.BaseTransport":
    """A transport that sends each request from inside a container, by node, to what is at `url` for it.

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
    """The script that makes a request, and what it has to know."""
    headers = {name: value for name, value in request.headers.items() if name not in _REPLACED}
    paths: Sequence[str] = request.extensions.get(tavern_page.PATHS, ())
    if paths:
        return _READER, {"urls": [f"{url}{path}" for path in paths], "headers": headers}
    content = request.read()
    return _RELAY, {
        "url": f"{url}{request.url.raw_path.decode()}",
        "method": request.method,
        "headers": headers,
        "body": base64.b64encode(content).decode() if content else None,
    }


def _head(line: bytes) -> tuple[int, list[tuple[bytes, bytes]]]:
    """(status, headers) of an answer; raises an error of httpx for what is no such thing."""
    import httpx

    try:
        found = small_json.table(line.decode("utf-8", "replace"), _HEADERS)
        status, listed = found["status"], found["headers"]
        headers = [(str(name).encode("ascii"), str(value).encode("latin-1")) for name, value in listed]
    except (ValueError, KeyError, TypeError) as e:
        raise httpx.RemoteProtocolError("what comes from inside its container is no answer") from e
    if type(status) is not int or not 100 <= status <= 599:
        raise httpx.RemoteProtocolError("what comes from inside its container has no status")
    return status, [(name, value) for name, value in headers if name not in {b"content-encoding", b"content-length"}]


def _output(engine: ApiClient, container_id: str, script: str, wish: Mapping[str, Any]) -> Iterator[bytes]:
    """What a script of node says in the container, asked for by its environment.

    Not by an argument: the engine's events and the machine's process list would show the password in it.
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
