"""Limits on an answer that may have no end: its size, its parts and its time."""

from dataclasses import dataclass
from typing import Final, NoReturn

EXTENSION: Final = "stackctl.limit"  # the extension of an HTTP request that carries its limit


@dataclass(frozen=True, kw_only=True)
class Limit:
    """The limits of one answer, its head included. parts: chunks received; small ones take more memory each."""

    seconds: float
    silence_s: float  # between two parts
    size: int  # bytes
    parts: int = 200_000


USUAL: Final = Limit(seconds=30, silence_s=30, size=4 << 20)  # the limit of a request that carries none


class Exceeded(Exception):
    """An answer exceeded a limit; the message names the limit and what had arrived."""


class Silent(Exceeded):
    """No part of the answer arrived for too long."""


class Tally:
    """Counts what has arrived of an answer since `began` (in seconds of any clock); raises Exceeded over the limit."""

    def __init__(self, limit: Limit, began: float) -> None:
        self._limit, self._began = limit, began
        self._size = self._parts = 0

    def wait_s(self, now: float) -> float:
        """Return for how many seconds to wait for the next part."""
        left = self._began + self._limit.seconds - now
        if left <= 0:
            raise Exceeded(f"its answer did not end within {self._limit.seconds:.0f} s; {self._came}")
        return min(left, self._limit.silence_s)

    def take(self, size: int) -> None:
        """Count a part of so many bytes."""
        self._size += size
        self._parts += 1
        if self._size > self._limit.size:
            raise Exceeded(f"its answer has more than {self._limit.size} bytes")
        if self._parts > self._limit.parts:
            raise Exceeded(f"its answer comes in more than {self._limit.parts} parts; {self._came}")

    def miss(self, now: float) -> NoReturn:
        """Raise Exceeded or Silent after a wait in which no part arrived."""
        self.wait_s(now)
        raise Silent(f"nothing of its answer came for {self._limit.silence_s:.0f} s; {self._came}")

    @property
    def _came(self) -> str:
        return f"{self._size} bytes had come"
