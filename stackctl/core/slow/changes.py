"""What a change would bring: the model is planned again with it, by the same sum as a deploy and `models fit`."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from stackctl.core.fit import Fit
from stackctl.core.fit.choice import LEAST_CONTEXT, Choice, Room, Wanted, choose
from stackctl.core.fit.speed import tokens_per_s
from stackctl.core.slow.mean import Mean, rate_of
from stackctl.core.slow.observation import Observation
from stackctl.core.slow.slowdown import Gain

_WORTH: Final = 1.1  # times shorter: less is not worth a word
_Q4: Final = 4.85  # bits of a weight in a Q4_K_M
_COARSE: Final = 5.4  # a model of more bits has a Q4_K_M that is much smaller


def gains(seen: Observation, mean: Mean) -> tuple[Gain, ...]:
    """Return the changes that make a reply noticeably shorter, the best first; () if none is known."""
    found = [one for one in (*_planned_again(seen, mean), *_smaller(seen, mean)) if one.times >= _WORTH]
    return tuple(sorted(found, key=lambda one: -one.times))


def planned_with(
    seen: Observation, *, context: int | None = None, kv_type: str | None = None, room: Room | None = None
) -> Choice | None:
    """Return how a deploy would run the same model with this change; None if that can't be calculated."""
    choice = seen.choice
    if choice is None or seen.shape is None or seen.reserves is None:
        return None
    settings = choice.settings
    wanted = Wanted(
        context=context or settings.context,
        kv_type=kv_type or settings.kv_type,
        batch=settings.batch,
        slots=settings.slots,
        flash_attention=settings.flash_attention,
        device=settings.device,
        usable=choice.usable or None,
    )
    return choose(seen.shape, wanted, seen.reserves, room or choice.room, has_alternatives=False)


def rate(choice: Choice, mean: Mean) -> float:
    """Return how fast another way to run the model writes, with a prompt as long as that of the last replies."""
    room = choice.room
    return tokens_per_s(choice.fit, room.bandwidths, room.sizes_mib, filled=int(mean.prompt))


def _planned_again(seen: Observation, mean: Mean) -> Iterator[Gain]:
    if seen.choice is None or not seen.choice.fit.devices:
        return  # without a GPU neither makes a reply shorter
    now = seen.choice.settings
    if seen.room_now and (other := planned_with(seen, room=seen.room_now)):
        yield _gain(seen, mean, other, "`stackctl deploy --replan`, as more memory is free now")
    for context in (now.context // 2, now.context // 4):
        if context >= LEAST_CONTEXT and (other := planned_with(seen, context=context)):
            yield _gain(seen, mean, other, f"context {now.context} -> {context}")
    if now.kv_type == "f16" and seen.can_quantise and (other := planned_with(seen, kv_type="q8_0")):
        yield _gain(seen, mean, other, "kv_cache f16 -> q8_0")


def _gain(seen: Observation, mean: Mean, other: Choice, change: str) -> Gain:
    assert seen.choice  # noqa: S101 - the caller has looked
    before = rate_of(seen, int(mean.prompt))
    then = rate(other, mean) if other.fits else 0.0
    return Gain(
        change=change,
        effect=_effect(seen.choice.fit, other.fit),
        times=_shorter(mean, then / before),
        tokens_per_s=mean.tokens_per_s * then / before,
    )


def _effect(now: Fit, then: Fit) -> str:
    words = []
    if more := then.gpu_layers - now.gpu_layers:
        words.append(f"{more} more {'layer' if more == 1 else 'layers'} on the GPU")
    if fewer := now.settings.cpu_experts - then.settings.cpu_experts:
        words.append(f"the experts of {fewer} more {'block' if fewer == 1 else 'blocks'} on the GPU")
    return ", ".join(words) or "less to read for each token"


def _shorter(mean: Mean, times: float) -> float:
    """Return how many times shorter a reply becomes if it is written so many times faster."""
    then = mean.whole_s - mean.written_s + mean.written_s / max(times, 1e-6)
    return mean.whole_s / then if then else 1.0


def _smaller(seen: Observation, mean: Mean) -> Iterator[Gain]:
    """Yield the gain of a smaller quantisation. It is the least: layers that move to the GPU come on top of it."""
    if seen.choice is None or not seen.parameters or not seen.model_mib or seen.is_demo:
        return
    bits = 8 * seen.model_mib * 2**20 / seen.parameters
    if bits < _COARSE:
        return
    part = _Q4 / bits
    found = seen.choice.fit
    smaller = replace(
        found,
        devices=tuple(replace(one, read_mib=one.read_mib * part) for one in found.devices),
        host=replace(found.host, read_mib=found.host.read_mib * part),
    )
    room = seen.choice.room
    then = tokens_per_s(smaller, room.bandwidths, room.sizes_mib, filled=int(mean.prompt))
    times = then / rate_of(seen, int(mean.prompt))
    yield Gain(
        change=f"a Q4_K_M of the same model, of {_Q4} instead of {bits:.1f} bits a weight",
        effect=f"{part:.0%} of the bytes to read for each token, somewhat worse answers",
        times=_shorter(mean, times),
        tokens_per_s=mean.tokens_per_s * times,
    )
