"""The mean of the last replies, and the speed that one would expect of them."""

from dataclasses import dataclass
from typing import Final

from stackctl.core.fit.speed import BEGINNING, tokens_per_s
from stackctl.core.slow.observation import Observation
from stackctl.core.slow.replies import Reply, counted

AS_EXPECTED: Final = 1.5  # the computed speed is within that of the measured one (tests/e2e/test_speed.py)
_OF_PROOF: Final = 1.3  # two measurements of the same


@dataclass(frozen=True, kw_only=True)
class Mean:
    """The mean of some replies, in seconds and tokens. read_s is 0.0 where the log tells one time for all."""

    replies: int
    whole_s: float
    read_s: float
    again_s: float
    written_s: float
    prompt: float
    read: float
    again: float
    written: float

    @property
    def tokens_per_s(self) -> float:
        """Return how fast it writes; where the log tells one time for all, reading is part of it."""
        return self.written / self.written_s if self.written_s else 0.0


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The speed of writing that one would expect. computed: by core/fit; proven: by the last deploy; None: unknown.

    slower: how many times slower the measured one is than one has to expect; 1.0 if it is not.
    """

    computed: float | None = None
    proven: float | None = None
    slower: float = 1.0


def mean_of(replies: tuple[Reply, ...]) -> Mean | None:
    """Return the mean of the last replies; None without one."""
    found = counted(replies)
    if not found:
        return None

    def mean(values: list[float]) -> float:
        return sum(values) / len(found)

    return Mean(
        replies=len(found),
        whole_s=mean([one.whole_s for one in found]),
        read_s=mean([one.read_s or 0.0 for one in found]),
        again_s=mean([one.again_s for one in found]),
        written_s=mean([one.whole_s if one.written_s is None else one.written_s for one in found]),
        prompt=mean([one.prompt for one in found]),
        read=mean([one.read or 0 for one in found]),
        again=mean([one.again for one in found]),
        written=mean([one.written for one in found]),
    )


def expected_of(seen: Observation, mean: Mean) -> Expected:
    """Return the speed that one would expect of these replies. A demo model is too small for that."""
    choice = seen.choice
    if choice is None or seen.is_demo:
        return Expected()
    computed = rate_of(seen, int(mean.prompt))
    proven = None
    if seen.proven_tokens_per_s:
        proven = seen.proven_tokens_per_s * computed / rate_of(seen, BEGINNING)
    measured = mean.tokens_per_s
    if not measured or not mean.read_s:  # one time for all says little about writing
        return Expected(computed=computed, proven=proven)
    ratios = [computed / measured / AS_EXPECTED, (proven or 0.0) / measured / _OF_PROOF]
    slower = max(computed, proven or 0.0) / measured if max(ratios) > 1 else 1.0
    return Expected(computed=computed, proven=proven, slower=max(1.0, slower))


def rate_of(seen: Observation, filled: int) -> float:
    """Return the computed tokens a second of the model as it is planned, with so many tokens of context in use."""
    choice = seen.choice
    assert choice  # noqa: S101 - the callers have looked
    return tokens_per_s(choice.fit, choice.room.bandwidths, choice.room.sizes_mib, filled=filled)
