"""Chooses how to run a model on this machine: layers on the GPU, context, type of the KV cache; and alternatives.

It tries, as far as the user leaves it open: everything on the GPU; a q8_0 cache there; some experts of a
mixture-of-experts model in RAM; as many layers on the GPU as fit; and if RAM is short, a q8_0 cache and less context.
In a long chat a context of 8192 tokens is worth more than speed, so it is lowered last, and never below 4096. Beyond
8192 it only takes memory that stays free otherwise: core/fit/growth.py.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from stackctl.contracts.memory import BY_CUDA, Device
from stackctl.core.fit import ALL, Fit, Reserves, Settings, Shape, cache_type, fit, growth, shared
from stackctl.core.fit.room import Room, has_room, what_lacks
from stackctl.core.fit.speed import BEGINNING, Bandwidth, places, speed, tokens_per_s

__all__ = [
    "CONTEXT", "CUDA_CONTEXT_MIB", "LEAST_CONTEXT", "Alternative", "Choice", "Room", "Wanted", "choose", "what_lacks",
]  # fmt: skip

CONTEXT: Final = 8192
LEAST_CONTEXT: Final = 4096
CUDA_CONTEXT_MIB: Final = 500.0  # of VRAM per GPU and program: 107 (34 SMs) to 612 (148 SMs) were measured


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The values that the user fixes; None for those to choose."""

    context: int | None = None
    kv_type: str | None = None
    gpu_layers: int | None = None
    cpu_experts: int = 0
    split: tuple[float, ...] = ()  # each GPU's share of the layers; () to choose
    batch: int | None = None
    slots: int | None = None
    flash_attention: bool = True
    device: Device = "cuda"
    usable: int | None = None  # tokens up to which the model is good; None: as many as it was trained for
    before: int | None = None  # the context that the stack runs with, which stays where it fits


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """Another way to run the model: the change, its cost or gain, and the memory that it saves."""

    change: str  # as in stack.toml: "context = 4096"
    effect: str
    saves_mib: float  # on the GPUs if there are any, else in RAM; negative if it takes more
    fits: bool
    fit: Fit


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The chosen way to run the model."""

    fit: Fit
    fits: bool
    room: Room
    problems: tuple[str, ...]  # a sentence for each place where it does not fit; () if it does
    tokens_per_s: float  # computed from the bytes that a token reads while the chat is short
    alternatives: tuple[Alternative, ...]
    usable: int = 0  # tokens up to which the model is good; 0 if unknown

    @property
    def more_context(self) -> Alternative | None:
        """Return the next larger context, and what it takes; None if the model has no more."""
        return next((one for one in self.alternatives if one.fit.settings.context > self.settings.context), None)

    @property
    def speed(self) -> str:
        return speed(self.tokens_per_s)

    @property
    def full_tokens_per_s(self) -> float:
        """Return the speed once the chat fills the context."""
        return _rate(self.fit, self.room, filled=self.settings.context)

    @property
    def bandwidths(self) -> tuple[tuple[str, Bandwidth], ...]:
        """Return the name of each place that a token reads, and how fast that is read."""
        read = places(self.fit, self.room.bandwidths, self.room.sizes_mib, self.room.indices)
        return tuple((name, bandwidth) for name, _, bandwidth in read)

    @property
    def missing_mib(self) -> float:
        """Return the MiB that are missing, summed over all places."""
        needed = (self.fit.host, *self.fit.devices)
        free = (self.room.ram_mib, *self.room.gpus_mib)
        return sum(max(0.0, one.total_mib - mib) for one, mib in zip(needed, free, strict=False))

    @property
    def settings(self) -> Settings:
        return self.fit.settings


def choose(shape: Shape, wanted: Wanted, reserves: Reserves, room: Room, *, has_alternatives: bool = True) -> Choice:
    """Return the best way that fits with a margin; else the most frugal one, with fits=False if it takes too much.

    has_alternatives: whether its alternatives are computed, which takes most of the time.
    """
    found = None
    for found in _ways(shape, wanted, reserves, room):
        if not what_lacks(found, room, has_margin=True):
            break
    assert found  # noqa: S101 - _ways() yields at least one
    found = _grown(shape, found, wanted, reserves, room)
    missing = what_lacks(found, room, has_margin=False)
    return Choice(
        fit=found,
        fits=not missing,
        room=room,
        problems=tuple(missing),
        tokens_per_s=_rate(found, room),
        alternatives=tuple(_alternatives(shape, wanted, reserves, room, found)) if has_alternatives else (),
        usable=min(wanted.usable or shape.trained_context, shape.trained_context),
    )


def _grown(shape: Shape, found: Fit, wanted: Wanted, reserves: Reserves, room: Room) -> Fit:
    """Return the same with more context, if none is fixed and the memory was enough so far."""
    context = found.settings.context
    if wanted.context or context < _first_context(shape, wanted) or what_lacks(found, room, has_margin=True):
        return found
    if wanted.before == context:
        return found
    if wanted.before and (kept := growth.with_more(shape, found, wanted.before, reserves, room)):
        return kept
    return growth.grown(shape, found, _usable(shape, wanted), reserves, room)


def _usable(shape: Shape, wanted: Wanted) -> int:
    """Return the tokens up to which the model is good, as far as that is known."""
    trained = shape.trained_context or CONTEXT
    return min(wanted.usable or trained, trained)


def _first_context(shape: Shape, wanted: Wanted) -> int:
    return min(CONTEXT, wanted.before or _usable(shape, wanted))


def _rate(found: Fit, room: Room, *, filled: int = BEGINNING) -> float:
    return tokens_per_s(found, room.bandwidths, room.sizes_mib, filled=filled)


def _settings(wanted: Wanted, room: Room, context: int, kv_type: str, layers: int) -> Settings:
    has_gpu = bool(room.gpus_mib) and wanted.device != "cpu"
    return Settings(
        context=context,
        kv_type=kv_type,
        batch=wanted.batch,
        slots=wanted.slots,
        flash_attention=wanted.flash_attention,
        gpu_layers=layers if has_gpu else 0,
        cpu_experts=wanted.cpu_experts if has_gpu else 0,
        device=wanted.device if has_gpu else "cpu",
        split=(wanted.split or tuple(float(max(1, one)) for one in room.gpus_mib)) if has_gpu else (),
        context_mib=CUDA_CONTEXT_MIB if has_gpu and wanted.device in BY_CUDA else 0.0,
    )


def _placed(shape: Shape, wanted: Wanted, reserves: Reserves, room: Room, settings: Settings) -> Fit:
    """Return the sum with the layers shared out among the GPUs, unless the user fixes that."""
    return fit(shape, settings if wanted.split else shared(shape, settings, reserves, room.usable_mib), reserves)


def _ways(shape: Shape, wanted: Wanted, reserves: Reserves, room: Room) -> Iterator[Fit]:
    """Yield every way worth trying, the best first; the last is the most frugal."""
    placed = partial(_placed, shape, wanted, reserves, room)
    first = wanted.context or _first_context(shape, wanted)
    contexts = [first] if wanted.context else sorted({first, min(LEAST_CONTEXT, first)})[::-1]
    plain = wanted.kv_type or "f16"
    can_quantise = not cache_type.fault(shape, "q8_0", flash_attention=wanted.flash_attention)
    quantised = "q8_0" if wanted.kv_type is None and can_quantise else plain
    types = list(dict.fromkeys((plain, quantised)))
    for context in contexts:
        for kv_type in types:
            settings = _settings(
                wanted, room, context, kv_type, ALL if wanted.gpu_layers is None else wanted.gpu_layers
            )
            yield placed(settings)
        settings = _settings(wanted, room, context, plain, ALL)
        if wanted.gpu_layers is None and settings.split:
            if shape.is_moe:
                yield from _experts_in_ram(placed, len(shape.layers), settings, room)
            yield _most_layers(placed, len(shape.layers), settings, room)
            if quantised != plain:
                yield _most_layers(placed, len(shape.layers), replace(settings, kv_type=quantised), room)


def _experts_in_ram(placed: Callable[[Settings], Fit], blocks: int, settings: Settings, room: Room) -> Iterator[Fit]:
    """Return everything on the GPUs except the experts of as few blocks as possible.

    Each further block frees VRAM, so a binary search finds the number.
    """

    def with_experts(count: int) -> Fit:
        return placed(replace(settings, cpu_experts=count))

    counts = range(1, blocks + 1)
    fewer = bisect_left(counts, True, key=lambda count: has_room(with_experts(count), room))
    if fewer < blocks:
        yield with_experts(counts[fewer])


def _most_layers(placed: Callable[[Settings], Fit], blocks: int, settings: Settings, room: Room) -> Fit:
    """Return as many layers on the GPUs as fit. The sum grows with their number, so a binary search finds it."""
    low, high = 0, blocks + 1
    found = placed(replace(settings, gpu_layers=0))
    while low < high:
        middle = (low + high + 1) // 2
        one = placed(replace(settings, gpu_layers=middle))
        if has_room(one, room):
            low, found = middle, one
        else:
            high = middle - 1
    return found


def _alternatives(shape: Shape, wanted: Wanted, reserves: Reserves, room: Room, found: Fit) -> Iterator[Alternative]:
    """Return the changes that the user could make, and the effect of each."""
    settings = found.settings
    base = _taken(found)
    for change, effect, other in _changes(shape, wanted, settings, room):
        one = _placed(shape, wanted, reserves, room, other)
        yield Alternative(
            change=change,
            effect=_effect(effect, _rate(found, room) / _rate(one, room)),
            saves_mib=round(base - _taken(one), 2),
            fits=not what_lacks(one, room, has_margin=False),
            fit=one,
        )


def _changes(shape: Shape, wanted: Wanted, settings: Settings, room: Room) -> Iterator[tuple[str, str, Settings]]:
    trained, more = shape.trained_context, 2 * settings.context
    if settings.context < _usable(shape, wanted):
        more = min(more, _usable(shape, wanted))
    for context in (settings.context // 2, more):
        if context >= 2048 and (not trained or context <= trained):
            less = context < settings.context
            says = "the chat forgets sooner" if less else "the chat remembers more"
            yield f"context = {context}", says, replace(settings, context=context)
    if not cache_type.fault(shape, "q8_0", flash_attention=settings.flash_attention):  # nor q4_0, of the same blocks
        for kv_type, says in (("q8_0", "hardly worse answers"), ("q4_0", "somewhat worse answers")):
            if kv_type != settings.kv_type and settings.kv_type in {"f16", "q8_0"}:
                yield f'kv_cache = "{kv_type}"', says, replace(settings, kv_type=kv_type)
    if settings.kv_type != "f16":
        yield 'kv_cache = "f16"', "the best answers", replace(settings, kv_type="f16")
    if settings.split and settings.gpu_layers != 0 and wanted.gpu_layers is None and room.gpus_mib:
        yield "gpu_layers = 0", "nothing on the GPU", replace(settings, gpu_layers=0, cpu_experts=0)


def _effect(says: str, ratio: float) -> str:
    return f"{says}, about {ratio:.0f} times slower" if ratio >= 1.5 else says


def _taken(one: Fit) -> float:
    return sum(device.total_mib for device in one.devices) if one.devices else one.host.total_mib
