"""How far the context of a new stack grows beyond 8192 tokens: as far as memory is free that nothing else needs.

The model stays where it is: the same layers and experts on the same GPUs, the same type of cache. Without a layer on a
GPU it grows to 16384 at most, and only while a full chat is still written at reading speed. llama.cpp takes the memory
of the whole cache at the start, and once a chat is longer than the context, SillyTavern leaves out its oldest messages,
so that nearly all of the prompt is read again for each reply. Of a model of 8B a desktop's processor reads some dozens
of tokens a second: minutes for 8192 tokens, and more than a quarter of an hour for 32768.
"""

from dataclasses import replace
from typing import Final

from stackctl.core.fit import Fit, Reserves, Shape, fit
from stackctl.core.fit.room import Room, what_lacks
from stackctl.core.fit.speed import tokens_per_s

SIZES: Final = (16384, 32768)  # tokens; a larger context is only given where it is asked for
_MOST_IN_RAM: Final = 16384
_LEAST_TOKENS_PER_S: Final = 5.0  # about as fast as people read


def grown(shape: Shape, found: Fit, usable: int, reserves: Reserves, room: Room) -> Fit:
    """Return the same with the largest context that suits. usable: tokens up to which the model is good."""
    for size in SIZES:
        larger = with_more(shape, found, min(size, usable), reserves, room)
        if larger is None or not (larger.gpu_layers or _suits_a_cpu(larger, room)):
            break
        found = larger
    return found


def with_more(shape: Shape, found: Fit, context: int, reserves: Reserves, room: Room) -> Fit | None:
    """Return the same with that context; None if that is not more, or does not leave all margins free."""
    larger = fit(shape, replace(found.settings, context=context), reserves)
    is_more = context > found.settings.context
    return larger if is_more and not what_lacks(larger, room, has_margin=True) else None


def _suits_a_cpu(larger: Fit, room: Room) -> bool:
    full = tokens_per_s(larger, room.bandwidths, room.sizes_mib, filled=larger.settings.context)
    return larger.settings.context <= _MOST_IN_RAM and full >= _LEAST_TOKENS_PER_S
