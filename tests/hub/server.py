"""A local hub that answers as Hugging Face's does for what is used of it: search, listings, resolve to a CDN.

Checked against what huggingface_hub 2.4 sends and reads. Faults are told request by request. The search is made after
answers that public code has recorded (`"_id", "id"` and what `expand` names, with `"gguf": {"total", "architecture",
"context_length", "chat_template"}`; an unknown `sort` or `expand` is 400; the next page in `Link`), and the limits
after https://huggingface.co/docs/hub/rate-limits: fixed windows of five minutes, on every answer as
`RateLimit: "api";r=499;t=295` with `RateLimit-Policy: "fixed window";"api";q=500;w=300`.
"""

import contextlib
import hashlib
import json
import re
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_STEP = 64 << 10  # bytes written at a time
COMMIT = "0123456789abcdef0123456789abcdef01234567"
_SORTS = {"trendingScore": "trending", "downloads": "downloads", "likes": "likes", "createdAt": "created"}
_EXPANDED = frozenset({"createdAt", "downloads", "gated", "gguf", "likes", "siblings", "tags", "trendingScore"})
LIMITS = {"RateLimit": '"api";r=499;t=295', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}
SPENT = {**LIMITS, "RateLimit": '"api";r=0;t=240'}
_API = re.compile(r"/api/models/(?P<repo>[^/]+/[^/]+)(?:/revision/(?P<revision>[^/]+))?")
_RESOLVE = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """How one answer goes wrong. `on`: search, listing, resolve or cdn."""

    on: str = "cdn"
    status: int = 0
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: bytes | None = None
    cut_after: int | None = None  # bytes of the body, then the connection is closed
    says_length: int | None = None  # another Content-Length than the body has
    ignores_range: bool = False
    pause_s: float = 0.0  # after each step
    step: int = _STEP


@dataclass(kw_only=True)
class Repo:
    """What the hub knows of one repository."""

    files: dict[str, bytes]
    commit: str = COMMIT
    licence: str = "apache-2.0"
    languages: tuple[str, ...] = ("en",)
    gated: str | bool = False  # "manual", "auto"
    token: str = ""  # without it nothing is given, where one is set
    lies: dict[str, bytes] = field(default_factory=dict)  # what the CDN really has, where it differs
    revisions: tuple[str, ...] = ("main",)
    sizes: dict[str, int] = field(default_factory=dict)  # of files whose content is their beginning alone
    downloads: int = 0
    likes: int = 0
    trending: int = 0
    created: str = "2026-01-01T00:00:00.000Z"
    gguf: Mapping[str, Any] | None = None  # what the hub read in one of its files


@dataclass(frozen=True)
class Asked:
    """A request that came in."""

    where: str  # hub or cdn
    method: str
    path: str
    headers: Mapping[str, str]


class Hub:
    """The hub and its CDN, each on a port of its own. `sent`: bytes of bodies that the CDN gave away."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.faults: deque[Fault] = deque()
        self.usual: dict[str, Fault] = {}
        self.asked: list[Asked] = []
        self.sent = 0
        self.vanished = frozenset[str]()  # repositories that the search alone still finds
        self.etag_of: dict[str, str | None] = {}  # file -> what the CDN calls it; None: nothing
        self.hub = _Server(self, _HubHandler)
        self.cdn = _Server(self, _CdnHandler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.hub.server_address[1]}"

    def add(self, name: str, files: Mapping[str, bytes], **more: Any) -> Repo:
        self.repos[name] = Repo(files=dict(files), **more)
        return self.repos[name]

    def size(self, name: str, file: str, content: bytes) -> int:
        """The size of a file as the hub and its CDN state it."""
        return self.repos[name].sizes.get(file, len(content))

    def fault(self, on: str) -> Fault:
        """The next answer's fault, if one was told for this kind of request."""
        if self.faults and self.faults[0].on == on:
            return self.faults.popleft()
        return self.usual.get(on, Fault(on=on))


@contextlib.contextmanager
def running() -> Iterator[Hub]:
    """A hub in threads of its own, gone at the end."""
    hub = Hub()
    with hub.hub, hub.cdn:
        threads = [
            threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01}) for one in (hub.hub, hub.cdn)
        ]
        for thread in threads:
            thread.start()
        try:
            yield hub
        finally:
            for one in (hub.hub, hub.cdn):
                one.shutdown()
            for thread in threads:
                thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, hub: Hub, handler: "type[_Handler]") -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.owner = hub

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that went away is no error here
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # as it was given


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    where = ""

    def __init__(self, request: object, client_address: object, server: BaseServer) -> None:
        assert isinstance(server, _Server)
        self.hub = server.owner
        super().__init__(request, client_address, server)  # type: ignore[arg-type]  # as it was given

    def do_GET(self) -> None:
        self.hub.asked.append(Asked(self.where, self.command, self.path, dict(self.headers)))
        self.respond()

    do_HEAD = do_GET  # noqa: N815 - the base class names it so

    def respond(self) -> None:
        raise NotImplementedError

    def give(self, status: int, headers: Mapping[str, str | None], body: bytes, fault: Fault) -> None:
        body = body if fault.body is None else fault.body
        length = len(body) if fault.says_length is None else fault.says_length
        self.send_response_only(fault.status or status)
        given: dict[str, str | None] = {"Content-Length": str(length), **headers, **fault.headers}
        for name, value in given.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault.cut_after is not None or fault.says_length is not None:
            self.close_connection = True
        body = body[: fault.cut_after]
        for start in range(0, len(body), fault.step):
            step = body[start : start + fault.step]
            self.hub.sent += len(step) if self.where == "cdn" else 0  # first: the client may be ready before this
            self.wfile.write(step)
            if fault.pause_s:
                threading.Event().wait(fault.pause_s)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Nothing: pytest's output is no access log."""


class _HubHandler(_Handler):
    where = "hub"

    def respond(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path == "/api/models":
            self._search(parse_qs(urlsplit(self.path).query, errors="strict"))
        elif found := _API.fullmatch(path):
            self._list(found["repo"], found["revision"] or "main")
        elif found := _RESOLVE.fullmatch(path):
            self._resolve(found["repo"], found["revision"], found["file"])
        else:
            self._refuse(404, "", "Not Found")

    def _search(self, asked: Mapping[str, list[str]]) -> None:
        fault = self.hub.fault("search")
        key = asked.get("sort", ["trendingScore"])[0]
        if key not in _SORTS or not _EXPANDED.issuperset(asked.get("expand", ())):
            self._refuse(400, "", "Invalid option")
            return
        words = asked.get("search", [""])[0].lower().split()
        found = [
            (name, repo)
            for name, repo in self.hub.repos.items()
            if all(word in name.lower() for word in words)
            and ("gguf" not in asked.get("filter", ()) or any(".gguf" in file for file in repo.files))
        ]
        found.sort(key=lambda one: getattr(one[1], _SORTS[key]), reverse=True)
        limit = int(asked.get("limit", ["1000"])[0])
        said = [
            {"_id": "6" * 24, "id": name}
            | {one: value for one, value in _described(repo).items() if one in asked.get("expand", ())}
            for name, repo in found[:limit]
        ]
        headers: dict[str, str | None] = {"Content-Type": "application/json; charset=utf-8", **LIMITS}
        if len(found) > limit:
            headers["Link"] = f'<{self.hub.url}/api/models?cursor=abc>; rel="next"'
        self.give(200, headers, json.dumps(said).encode(), fault)

    def _list(self, name: str, revision: str) -> None:
        fault = self.hub.fault("listing")
        repo = self._repo(name, revision, is_listing=True)
        if repo is None:
            return
        said = {
            "id": name,
            "modelId": name,
            "sha": repo.commit,
            "private": False,
            "gated": repo.gated,
            "tags": ["gguf", f"license:{repo.licence}"],
            "cardData": {"license": repo.licence, "language": list(repo.languages)},
            "siblings": [_sibling(file, content, repo) for file, content in repo.files.items()],
        }
        self.give(200, {"Content-Type": "application/json"}, json.dumps(said).encode(), fault)

    def _resolve(self, name: str, revision: str, file: str) -> None:
        fault = self.hub.fault("resolve")
        repo = self._repo(name, revision, is_listing=False)
        if repo is None:
            return
        content = repo.files.get(file)
        if content is None:
            self._refuse(404, "EntryNotFound", "Entry not found")
            return
        etag = f'"{_etag(file, content)}"'
        headers: dict[str, str | None] = {"X-Repo-Commit": repo.commit, "Accept-Ranges": "bytes"}
        if _is_large(file):
            port = self.hub.cdn.server_address[1]
            headers |= {
                "X-Linked-Etag": etag,
                "X-Linked-Size": str(self.hub.size(name, file, content)),
                "Location": f"http://127.0.0.1:{port}/{name}/{file}?Signature=s3cret",
            }
            self.give(302, headers, b"Found. Redirecting", fault)
        else:
            self.give(200, {**headers, "ETag": etag}, content, fault)

    def _repo(self, name: str, revision: str, *, is_listing: bool) -> Repo | None:
        repo = None if name in self.hub.vanished else self.hub.repos.get(name)
        sent = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if repo is None:
            # the hub does not tell a private repository from a missing one
            self._refuse(404 if sent else 401, "RepoNotFound", "Repository not found")
            return None
        if revision not in {*repo.revisions, repo.commit}:
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return None
        if repo.token and sent != repo.token and not (is_listing and repo.gated):
            code = "GatedRepo" if repo.gated else "RepoNotFound"
            self._refuse(403 if sent else 401, code, "Access to model is restricted")
            return None
        return repo

    def _refuse(self, status: int, code: str, says: str) -> None:
        headers = {"X-Error-Code": code or None, "X-Error-Message": says}
        self.give(status, headers, json.dumps({"error": says}).encode(), Fault())


class _CdnHandler(_Handler):
    where = "cdn"

    def respond(self) -> None:
        fault = self.hub.fault("cdn")
        owner, name, file = unquote(urlsplit(self.path).path).removeprefix("/").split("/", 2)
        repo = self.hub.repos[f"{owner}/{name}"]
        content = repo.lies.get(file, repo.files[file])
        etag = self.hub.etag_of.get(file, f'"{_etag(file, repo.files[file])}"')
        headers: dict[str, str | None] = {"ETag": etag, "Accept-Ranges": "bytes"}
        status, body = 200, content
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        is_same = self.headers.get("If-Range") in {None, etag}
        if wanted and is_same and not fault.ignores_range:
            start = int(wanted[1])
            end = min(int(wanted[2] or len(content)), len(content) - 1)
            status, body = 206, content[start : end + 1]
            headers["Content-Range"] = f"bytes {start}-{end}/{repo.sizes.get(file, len(content))}"
            if start >= len(content):
                status, body = 416, b""
                headers["Content-Range"] = f"bytes */{len(content)}"
        if fault.status >= 400:
            body = b""
        self.give(status, headers, body, fault)


def _is_large(file: str) -> bool:
    """Whether a file lies in large-file storage, as every repository's .gitattributes say of these, or its size."""
    return file.endswith((".gguf", ".safetensors", ".bin")) or ".gguf" in file


@lru_cache(maxsize=8)  # the bench's file is large
def _etag(file: str, content: bytes) -> str:
    if _is_large(file):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _sibling(file: str, content: bytes, repo: Repo) -> dict[str, Any]:
    size = repo.sizes.get(file, len(content))
    said: dict[str, Any] = {"rfilename": file, "size": size, "blobId": "b" * 40}
    if _is_large(file):
        said["lfs"] = {"sha256": _etag(file, content), "size": size, "pointerSize": 134}
    return said


def _described(repo: Repo) -> dict[str, Any]:
    """What `expand` can ask for, of the fields that are played here."""
    said = {
        "createdAt": repo.created,
        "downloads": repo.downloads,
        "gated": repo.gated,
        "likes": repo.likes,
        "trendingScore": repo.trending,
        "siblings": [{"rfilename": file} for file in repo.files],  # without sizes
    }
    return said if repo.gguf is None else {**said, "gguf": dict(repo.gguf)}
