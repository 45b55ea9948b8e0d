"""HTTP in which every answer ends, whatever the server does and whichever transport is used.

A read time-out does not limit the whole answer: a byte every few seconds keeps it alive for ever, in its head, too, and
the engine's streams have no time-out at all. So a separate thread reads each answer, and its parts are taken from that
thread as long as the limit allows.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from stackctl.core.formats import answer_limit
from stackctl.core.formats.answer_limit import Exceeded, Limit, Tally

if TYPE_CHECKING:
    import httpx

_AHEAD: Final = 16  # parts that the thread may have read before they are wanted
_NOT_PACKED: Final = {"", "identity"}


def over_http(*, is_verified: bool = True) -> "httpx.BaseTransport":
    """Return the usual transport. `is_verified`: whether to verify the server's certificate over TLS."""
    import httpx

    return bounded(httpx.HTTPTransport(verify=is_verified, trust_env=False))


def bounded(inner: "httpx.BaseTransport", *, clock: Callable[[], float] = time.monotonic) -> "httpx.BaseTransport":
    """Return a transport on which every answer has a limit: the usual one, or its request's (answer_limit.EXTENSION).

    Requests on it raise Exceeded.

    Nothing is ever decompressed: a compressed answer, which was not asked for, is refused.
    """
    import httpx

    class Bounded(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            wanted: Limit = request.extensions.get(answer_limit.EXTENSION, answer_limit.USUAL)
            # so that the thread ends if the caller no longer waits for it
            request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), wanted.seconds)
            request.headers["accept-encoding"] = "identity"
            parts = _Parts(inner, request, Tally(wanted, clock()), clock)
            try:
                head = parts.head()
            except BaseException:
                parts.close()
                raise
            return httpx.Response(head.status_code, headers=head.headers, stream=Body(parts), request=request)

        def close(self) -> None:
            inner.close()

    class Body(httpx.SyncByteStream):
        def __init__(self, parts: _Parts) -> None:
            self._parts = parts

        def __iter__(self) -> Iterator[bytes]:
            return self._parts.body()

        def close(self) -> None:
            self._parts.close()

    return Bounded()


class _Parts:
    """An answer as its thread reads it: the head, then the parts of its body."""

    def __init__(
        self, inner: "httpx.BaseTransport", request: "httpx.Request", tally: Tally, clock: Callable[[], float]
    ) -> None:
        self._tally, self._clock = tally, clock
        self._queue: queue.Queue[httpx.Response | bytes | httpx.HTTPError | None] = queue.Queue(_AHEAD)
        self._is_over = threading.Event()
        threading.Thread(target=self._read, args=(inner, request), daemon=True).start()

    def head(self) -> "httpx.Response":
        import httpx

        found = self._next()
        if not isinstance(found, httpx.Response):
            raise httpx.RemoteProtocolError("there is no answer")
        packed = found.headers.get("content-encoding", "").strip().lower()
        if packed not in _NOT_PACKED:
            raise Exceeded(f"its answer is compressed ({packed[:40]}), though an uncompressed one was asked for")
        return found

    def body(self) -> Iterator[bytes]:
        while isinstance(part := self._next(), bytes):
            self._tally.take(len(part))
            yield part

    def close(self) -> None:
        """Discard the rest: the thread ends at the next part."""
        self._is_over.set()
        with contextlib.suppress(queue.Empty):
            while True:
                self._queue.get_nowait()

    def _next(self) -> "httpx.Response | bytes | None":
        import httpx

        try:
            found = self._queue.get(timeout=self._tally.wait_s(self._clock()))
        except queue.Empty:
            self._tally.miss(self._clock())
        if isinstance(found, httpx.HTTPError):
            raise found
        return found

    def _read(self, inner: "httpx.BaseTransport", request: "httpx.Request") -> None:
        import httpx

        try:
            answer = inner.handle_request(request)
            self._queue.put(answer)
            with contextlib.closing(answer):
                for part in answer.iter_raw():
                    if self._is_over.is_set():
                        break
                    self._queue.put(part)
        except httpx.HTTPError as e:
            self._queue.put(e)
        except UnicodeError as e:  # a part of the server's name is longer than DNS allows
            self._queue.put(httpx.ConnectError(str(e)))
        finally:
            self._queue.put(None)


def ask(transport: "httpx.BaseTransport", url: str, wanted: Limit, body: str = "", key: str = "") -> str:
    """Return the text at a URL, or the answer to a POST of JSON if there is a body; "" if none comes within the limit.

    key: the API key to send; "" for none.
    """
    import httpx

    headers = {
        **({"authorization": f"Bearer {key}"} if key else {}),
        **({"content-type": "application/json"} if body else {}),
    }
    with httpx.Client(transport=transport, trust_env=False) as client:
        try:
            found = client.request(
                "POST" if body else "GET",
                url,
                content=body or None,
                headers=headers,
                extensions={answer_limit.EXTENSION: wanted},
            )
        except (httpx.HTTPError, Exceeded):
            return ""
    return found.content.decode("utf-8", "replace") if found.is_success else ""
