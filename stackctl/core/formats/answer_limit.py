"""How much is taken of an answer that may have no end, and how long it is waited for."""

from dataclasses import dataclass
from typing import Final, NoReturn

EXTENSION: Final = "stackctl.limit"  # of an HTTP request that carries one


@dataclass(frozen=True, kw_only=True)
class Limit:
    """Of one answer, its head included. `parts`: as they come in; the smaller they are, the more memory they take."""

    seconds: float
    silence_s: float  # between two parts
    size: int  # bytes
    parts: int = 200_000


USUAL: Final = Limit(seconds=30, silence_s=30, size=4 << 20)  # of a request that carries none


class Exceeded(Exception):
    """An answer went over its limit; the words say which one, and what had come by then."""


class Silent(Exceeded):
    """Nothing more came for too long."""


class Tally:
    """What has come of an answer since `began`, by whatever clock: Exceeded is raised once it is too much."""

    def __init__(self, limit: Limit, began: float) -> None:
        self._limit, self._began = limit, began
        self._size = self._parts = 0

    def wait_s(self, now: float) -> float:
        """For how many seconds the next part may be waited for."""
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
        """Raise what it means that the wait for the next part was in vain."""
        self.wait_s(now)
        raise Silent(f"nothing of its answer came for {self._limit.silence_s:.0f} s; {self._came}")

    @property
    def _came(self) -> str:
        return f"{self._size} bytes had come"
