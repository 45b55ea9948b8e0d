"""Read the beginning of a remote file, hardly further than needed."""

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from stackctl.core.hub.remote import RemoteHead
from stackctl.effects.download.server import BY_HAND, Again, Limited, answer, new_client, shown
from stackctl.errors import ModelError, TooManyRequests

if TYPE_CHECKING:
    import httpx
    from tenacity import RetryCallState

_FIRST: Final = 1 << 20  # bytes of the first request: the whole header of a model with 32,000 tokens
_LONGEST: Final = 64 << 20  # bytes; the largest vocabularies make headers of about 15 MB
_TRIES: Final = 3
_LONGEST_ASKED_S: Final = 10.0  # the longest pause that a server may ask for; a longer one is the caller's to decide


def read_head(
    url: str,
    needed: Callable[[bytes, int], int],
    *,
    headers: Mapping[str, str],
    client: "httpx.Client | None" = None,
    sleep: Callable[[float], None] = time.sleep,
) -> RemoteHead:
    """Read `url` range by range until there is enough of it.

    `needed` gets the bytes so far and the file's size (0: unknown), and returns how many bytes are needed in all, as
    far as these show. Raises ModelError if they can't be read (TooManyRequests if the server takes no more of them),
    and what `needed` raises.
    """
    from tenacity import Retrying, retry_if_exception, stop_after_attempt

    policy = Retrying(
        retry=retry_if_exception(lambda e: isinstance(e, Again) and e.asked_s <= _LONGEST_ASKED_S),
        stop=stop_after_attempt(_TRIES),
        wait=_pause_s,
        sleep=sleep,
        reraise=True,
    )
    reading = _Reading(url, dict(headers))
    with contextlib.nullcontext(client) if client else new_client() as ours:
        try:
            wanted = _FIRST
            while wanted > len(reading.content) and not reading.is_whole:
                policy(reading.read, ours, wanted)
                wanted = needed(bytes(reading.content), reading.size)
                if wanted > _LONGEST:
                    says = f"{shown(url)}: its header is longer than any model's"
                    raise ModelError(says, hint="Check that it is a model.")
        except Limited as e:
            raise TooManyRequests(f"{shown(url)} could not be read: {e.why}", hint=e.hint, wait_s=e.asked_s) from e
        except Again as e:
            raise ModelError(
                f"{shown(url)} could not be read: {e.why}",
                hint=" ".join((e.hint, f"Run this again, or {BY_HAND}")),
                issue="download-failed",
            ) from e
    rate = len(reading.content) / max(reading.took_s, 1e-6)
    return RemoteHead(content=bytes(reading.content), size=reading.size, bytes_per_s=rate)


def _pause_s(state: "RetryCallState") -> float:
    """Return what the server asks for, or 1, 2, 4, ... seconds."""
    error = state.outcome.exception() if state.outcome else None
    return max(error.asked_s if isinstance(error, Again) else 0.0, min(2.0 ** (state.attempt_number - 1), 10.0))


class _Reading:
    """The beginning of a file as it grows. After a redirect, its target is asked directly."""

    def __init__(self, url: str, own: dict[str, str]) -> None:
        self.url, self.own = url, own
        self.content, self.size, self.took_s = bytearray(), 0, 0.0

    @property
    def is_whole(self) -> bool:
        return bool(self.size) and len(self.content) >= self.size

    def read(self, client: "httpx.Client", wanted: int) -> None:
        """Append the missing part of the first `wanted` bytes."""
        have, began = len(self.content), time.monotonic()
        asked = {"Accept-Encoding": "identity", "Range": f"bytes={have}-{wanted - 1}"}
        with answer(client, self.url, asked, self.own) as response:
            if response.status_code != 206:  # the server sends the whole file, from the beginning
                self.content.clear()
            self.size = _size(response)
            if str(response.url) != self.url:
                self.url, self.own = str(response.url), {}
            for chunk in response.iter_raw():
                self.content += chunk
                if len(self.content) >= wanted:
                    break
        self.took_s += time.monotonic() - began
        if len(self.content) < min(wanted, self.size or wanted):
            raise Again("the transfer ended early")


def _size(response: "httpx.Response") -> int:
    """Return the size of the whole file, from Content-Range, or from Content-Length if the range was ignored."""
    if response.status_code == 206:
        total = response.headers.get("content-range", "").rpartition("/")[2]
        return int(total) if total.isdecimal() else 0
    length = response.headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0
