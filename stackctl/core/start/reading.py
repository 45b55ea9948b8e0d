"""Tells whether a service that is not ready still reads its model: a slow disk is no failure."""

from dataclasses import dataclass, replace
from typing import Final

from stackctl.core.observed import ReadSeen

_SILENT_S: Final = 30.0  # a share that is asleep or busy answers within this time
_STEP: Final = 1 << 20  # bytes; other reads of a program, such as logs, are smaller


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The bytes that a container has read, and when they last grew, in seconds of the start."""

    seen: ReadSeen
    grew_s: float
    looked_s: float

    @property
    def goes_on(self) -> bool:
        """Return whether the container read something a short while ago."""
        return self.seen.size > 0 and self.looked_s - self.grew_s < _SILENT_S


def look_again(before: Reading | None, now: ReadSeen, at_s: float) -> Reading:
    """Return the reading after another observation, at this second of the start."""
    if before is None:
        return Reading(seen=now, grew_s=at_s, looked_s=at_s)
    most = ReadSeen(size=max(before.seen.size, now.size), held=max(before.seen.held, now.held))
    if most.size - before.seen.size < _STEP and most.held - before.seen.held < _STEP:
        return replace(before, looked_s=at_s)
    return Reading(seen=most, grew_s=at_s, looked_s=at_s)


def describe(reading: Reading, model_bytes: int) -> str:
    """Return how much of a model of this size is read, as a text; "" if unknown, or if it is read completely."""
    if not 0 < reading.seen.size < model_bytes:
        return ""
    done, whole = reading.seen.size >> 20, model_bytes >> 20
    return f"{done} of {whole} MiB read ({100 * reading.seen.size // model_bytes} %)" if whole else ""
