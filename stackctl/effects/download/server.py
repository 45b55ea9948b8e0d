"""The network's side of a download: one request, and the meaning of its answer."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from stackctl.core.hub.waiting import asked_s, in_words
from stackctl.effects.download.part import Source
from stackctl.errors import ModelError

if TYPE_CHECKING:
    import httpx

BY_HAND: Final = "download it yourself and give its path in stack.toml."
_CONNECTION: Final = "Check the connection."

_TRIES: Final = 8
_TRIES_TO_CONNECT: Final = 4
_TRIES_OF_NONSENSE: Final = 2  # a server that does not speak HTTP will not do so in two minutes
_BROKE_OFF: Final = re.compile("disconnected|closed connection")  # h11's and httpcore's texts for an early end
_LONGEST_ASKED_S: Final = 120.0  # the longest wait that a server may ask for; beyond it the user decides
_LOGIN: Final = "(at Hugging Face a login allows more: `hf auth login`, or HF_TOKEN)"
_REDIRECTS: Final = 10
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_AT_ONCE: Final = 1 << 20  # bytes; httpx takes 64 KiB, and h11 copies each of them twice
_LOOPBACK: Final = ("all://127.0.0.1", "all://localhost", "all://[::1]")


class Again(Exception):
    """This try failed, another may succeed: of `tries` in all, after the `asked_s` seconds that the server wants.

    `hint`: what the user should do after the last try.
    """

    def __init__(self, why: str, *, asked_s: float = 0.0, tries: int = _TRIES, hint: str = _CONNECTION) -> None:
        super().__init__(why)
        self.why, self.asked_s, self.tries, self.hint = why, asked_s, tries, hint


class StartOver(Again):
    """The content of .part is useless for the next try."""


class Limited(Again):
    """The server takes no more requests for a while (429)."""


@contextlib.contextmanager
def answer(
    client: "httpx.Client", url: str, headers: Mapping[str, str], own: Mapping[str, str]
) -> "Iterator[httpx.Response]":
    """Give the answer (200 or 206) that carries the file, after redirects; raise Again or ModelError.

    `own`: headers for the server of `url` only.
    """
    import httpx

    where = shown(url)
    try:
        place = httpx.URL(url)
        for _ in range(_REDIRECTS):
            sent = {**headers, **(own if _origin(place) == _origin(httpx.URL(url)) else {})}
            with client.stream("GET", place, headers=sent, follow_redirects=False) as response:
                if not response.has_redirect_location:
                    _refuse_status(where, response)
                    yield response
                    return
                place = _redirected(where, response)
    except (httpx.InvalidURL, UnicodeError) as e:  # UnicodeError: no part of a server's name may be as long (RFC 1035)
        raise ModelError(
            f"{where} is not a valid address, or redirects to an invalid one: {e}",
            hint=f"Check it, or {BY_HAND}",
            issue="download-failed",
        ) from e
    except httpx.ConnectError as e:
        if "CERTIFICATE_VERIFY_FAILED" in str(e):
            raise ModelError(
                f"{where}: the server's certificate is not trusted: {e}",
                hint="Check this machine's date. Behind a company's proxy, set SSL_CERT_FILE to its certificate.",
                issue="certificate-not-trusted",
            ) from e
        raise Again(f"no connection ({e})", tries=_TRIES_TO_CONNECT) from e
    except httpx.ConnectTimeout as e:
        raise Again("no connection (no answer in time)", tries=_TRIES_TO_CONNECT) from e
    except (httpx.ProtocolError, httpx.UnsupportedProtocol) as e:
        raise Again(
            f"the transfer failed ({e})", tries=_TRIES if _BROKE_OFF.search(str(e)) else _TRIES_OF_NONSENSE
        ) from e
    except httpx.TransportError as e:
        raise Again(f"the transfer failed ({str(e) or type(e).__name__})") from e
    raise ModelError(
        f"{where} redirects more than {_REDIRECTS} times",
        hint=f"Check the address, or {BY_HAND}",
        issue="download-failed",
    )


def continued(response: "httpx.Response", begun: Source | None, have: int) -> int:
    """Return the size of the whole file (0: unknown) if this 206 continues our part; raise StartOver if not."""
    said = response.headers.get("content-range", "")
    found = _CONTENT_RANGE.fullmatch(said)
    if not begun or not found or int(found[1]) != have:
        raise StartOver(f"the server continued at the wrong place ({said or 'it does not say where'})")
    total = 0 if found[2] == "*" else int(found[2])
    if response.headers.get("etag", begun.etag) != begun.etag or total not in {0, begun.size or total}:
        raise StartOver("the server continued with another file")
    return begun.size or total


def body(response: "httpx.Response") -> Iterator[bytes]:
    """Give the bytes of an answer, in large pieces; raise Again if they end early.

    If the body has no transfer encoding, all but the first piece is read from the connection itself, which is faster.
    That is safe because h11 buffers only the bytes that arrived with the headers, and returns them as the first piece.
    """
    import httpcore

    pieces = response.iter_raw()
    first = next(pieces, b"")
    yield first
    said, stream = response.headers.get("content-length", ""), response.extensions.get("network_stream")
    if stream is None or not said.isdecimal() or "transfer-encoding" in response.headers:
        yield from pieces
        return
    left, timeout_s = int(said) - len(first), response.request.extensions.get("timeout", {}).get("read")
    try:
        while left:
            piece = stream.read(min(left, _AT_ONCE), timeout_s)
            if not piece:
                raise Again(f"the transfer failed (it ended {left} bytes early)")
            left -= len(piece)
            yield piece
    except (httpcore.NetworkError, httpcore.TimeoutException) as e:
        raise Again(f"the transfer failed ({str(e) or type(e).__name__})") from e


def new_client() -> "httpx.Client":
    """Return a client with the user's proxy and certificate settings."""
    import httpx

    try:
        return httpx.Client(
            timeout=httpx.Timeout(60, connect=15),
            mounts=dict.fromkeys(_LOOPBACK),  # None: directly, whatever the proxy
            headers={"User-Agent": "stackctl"},
        )
    except (OSError, ValueError, ImportError, httpx.InvalidURL) as e:
        raise ModelError(
            f"the proxy or certificate settings of this environment can't be used: {e}",
            hint="Check HTTPS_PROXY, ALL_PROXY (http:// only) and SSL_CERT_FILE.",
            issue="download-failed",
        ) from e


def shown(url: str) -> str:
    """Return an address for messages, without user, password and query; raise ModelError unless it is http(s)."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ModelError(
            f"{url} is not an http(s) address",
            hint="Give one that begins with https://, or a path.",
            issue="model-name-wrong",
        )
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _origin(url: "httpx.URL") -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _redirected(where: str, response: "httpx.Response") -> "httpx.URL":
    there = response.url.join(response.headers["location"])
    if there.scheme not in {"http", "https"} or (response.url.scheme, there.scheme) == ("https", "http"):
        raise ModelError(
            f"{where} redirects from {response.url.scheme} to {there.scheme}, which is not followed",
            hint=f"Check the address, or {BY_HAND}",
            issue="download-failed",
        )
    return there


def _refuse_status(where: str, response: "httpx.Response") -> None:
    status = response.status_code
    if status == 416:
        raise StartOver("the server has a shorter file now")
    if status in _PASSING:
        wait_s = asked_s(response.headers) if status in {429, 503} else 0.0
        says = f"the server answers {status}{': too many requests' if status == 429 else ''}"
        if wait_s:
            says = f"{says}, and asks to wait {in_words(wait_s)}"
        wait = f"Wait {in_words(wait_s) if wait_s else 'some minutes'} {_LOGIN}."
        tries = 1 if wait_s > _LONGEST_ASKED_S else _TRIES
        kind = Limited if status == 429 else Again
        raise kind(says, asked_s=wait_s, tries=tries, hint=wait if status == 429 else _CONNECTION)
    if status not in {200, 206}:
        says = {
            401: "the server wants a login (401)",
            403: "the server refuses it (403); it may want a login",
            404: "there is nothing at that address (404)",
            410: "it was taken down (410)",
        }.get(status, f"the server answers {status}")
        raise ModelError(f"{where}: {says}", hint=f"Check the address, or {BY_HAND}", issue="download-failed")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise ModelError(
            f"{where}: the server sends it compressed, unasked",
            hint=f"Try another address, or {BY_HAND}",
            issue="download-failed",
        )
