"""The beginning of a remote file, as far as it is needed and hardly further."""

import contextlib
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stackctl.effects.download.server import BY_HAND, Again, answer, new_client, shown
from stackctl.errors import ModelError

if TYPE_CHECKING:
    import httpx

_STEP: Final = 256 << 10  # bytes after which is looked whether it is enough
_LONGEST: Final = 64 << 20  # bytes; the largest vocabularies make headers of some 15 MB
# a small window: what the server has sent beyond the point where we stop is lost traffic
_WINDOW: Final = ((socket.SOL_SOCKET, socket.SO_RCVBUF, _STEP),)
_TRIES: Final = 3


@dataclass(frozen=True, kw_only=True)
class Start:
    """The first bytes of a file, the size of all of it (0: not said), and how quickly they came."""

    content: bytes
    size: int
    bytes_per_s: float


def head(
    url: str,
    enough: Callable[[bytes, int], bool],
    *,
    headers: Mapping[str, str],
    client: "httpx.Client | None" = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Start:
    """Read `url` until `enough` (told the bytes so far and the file's size) or its end, by one ranged request.

    Raises ModelError where it can't be had, and what `enough` raises.
    """
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

    policy = Retrying(
        retry=retry_if_exception_type(Again),
        stop=stop_after_attempt(_TRIES),
        wait=wait_exponential(max=10),
        sleep=sleep,
        reraise=True,
    )
    with contextlib.nullcontext(client) if client else new_client(socket_options=_WINDOW) as ours:
        try:
            return policy(_read, ours, url, headers, enough)
        except Again as e:
            raise ModelError(
                f"{shown(url)} could not be read: {e.why}", hint=f"check the connection and run it again, or {BY_HAND}"
            ) from e


def _read(client: "httpx.Client", url: str, own: Mapping[str, str], enough: Callable[[bytes, int], bool]) -> Start:
    asked = {"Accept-Encoding": "identity", "Range": f"bytes=0-{_LONGEST - 1}"}
    content, looked, began = bytearray(), 0, time.monotonic()
    with answer(client, url, asked, own) as response:
        size = _size(response)
        for chunk in response.iter_raw(_STEP // 4):
            content += chunk
            if len(content) - looked >= _STEP:
                looked = len(content)
                if enough(bytes(content), size):
                    break
                if looked >= _LONGEST:
                    raise ModelError(f"{shown(url)}: its header is longer than any model's", hint="is it a model?")
    took = max(time.monotonic() - began, 1e-6)
    return Start(content=bytes(content), size=size, bytes_per_s=len(content) / took)


def _size(response: "httpx.Response") -> int:
    """Of the whole file: behind the slash of Content-Range, or Content-Length where the range was ignored."""
    if response.status_code == 206:
        total = response.headers.get("content-range", "").rpartition("/")[2]
        return int(total) if total.isdecimal() else 0
    length = response.headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0
