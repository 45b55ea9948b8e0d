"""Ranks what makes a stack slow, by the seconds that each cause takes of a mean reply."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from stackctl.core.slow import gpu_causes, machine_causes
from stackctl.core.slow.changes import gains
from stackctl.core.slow.mean import AS_EXPECTED, Expected, Mean, expected_of, mean_of
from stackctl.core.slow.observation import Observation
from stackctl.core.slow.rereading import rereading
from stackctl.core.slow.slowdown import Gain, Slowdown

_LEAST: Final = 0.05  # of a reply: a smaller cause is not worth a word

# no replies: there is nothing to explain yet; slower: than it should be, for a reason that is not known
Verdict = Literal["no replies", "as expected", "explained", "slower"]


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why a stack is slow. slowdowns: the worst first; gains: what would make it faster, the best first.

    unexplained: how many times slower it writes than expected, for no reason that was seen; 1.0 if it does not.
    waited_s: of a mean reply, until its model was loaded again.
    """

    verdict: Verdict
    mean: Mean | None = None
    expected: Expected = field(default_factory=Expected)
    unexplained: float = 1.0
    waited_s: float = 0.0
    slowdowns: tuple[Slowdown, ...] = ()
    gains: tuple[Gain, ...] = ()

    @property
    def whole_s(self) -> float:
        """Return the seconds of a mean reply, with those until its model was loaded."""
        return self.waited_s + (self.mean.whole_s if self.mean else 0.0)


def explain(seen: Observation) -> Explanation:
    """Return where the time of the last replies went."""
    mean = mean_of(seen.replies)
    if mean is None:
        return Explanation(verdict="no replies")
    expected = expected_of(seen, mean)
    waiting = tuple(machine_causes.reloaded(seen, mean))
    waited_s = sum((one.seconds for one in waiting), 0.0)
    known = (*waiting, *_known(seen, mean))
    left = _unexplained(seen, expected)
    found = (*known, *_likely(seen, mean, left))
    whole_s = mean.whole_s + waited_s
    ranked = tuple(sorted((one for one in found if one.seconds >= _LEAST * whole_s), key=_weight))
    is_left = left.slower > 1 and not any(one.certainty == "likely" and one not in waiting for one in ranked)
    verdict: Verdict = "slower" if is_left else "explained" if ranked else "as expected"
    return Explanation(
        verdict=verdict,
        mean=mean,
        expected=expected,
        unexplained=left.slower if is_left else 1.0,
        waited_s=waited_s,
        slowdowns=ranked,
        gains=gains(seen, mean),
    )


def _weight(one: Slowdown) -> float:
    """Return where a cause stands: what is only likely counts half."""
    return -one.seconds * (0.5 if one.certainty == "likely" else 1.0)


def _known(seen: Observation, mean: Mean) -> Iterator[Slowdown]:
    """Yield the causes whose seconds are counted or computed."""
    yield from rereading(seen, mean)
    yield from gpu_causes.shared(seen, mean)  # before layers in RAM of which it is the whole reason
    yield from gpu_causes.in_ram(seen, mean)
    yield from machine_causes.limited(seen, mean)


def _unexplained(seen: Observation, expected: Expected) -> Expected:
    """Return how much slower it writes than expected, without what a limit on the processor explains."""
    _, writing = machine_causes.limit_factors(seen)
    left = expected.slower / writing
    return replace(expected, slower=left if left > AS_EXPECTED else 1.0)


def _likely(seen: Observation, mean: Mean, left: Expected) -> Iterator[Slowdown]:
    """Yield the causes that were seen beside replies that are slower than expected: each may be the whole reason."""
    yield from gpu_causes.not_used(seen, mean)
    yield from gpu_causes.overflowing(seen, mean, left)
    yield from gpu_causes.throttled(seen, mean, left)
    yield from machine_causes.swapped_out(seen, mean, left)
    yield from machine_causes.busy(seen, mean, left)
    yield from machine_causes.throttled(seen, mean, left)
