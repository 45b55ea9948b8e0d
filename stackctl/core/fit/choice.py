"""Chooses how to run a model on this machine: layers on the GPU, context, type of the KV cache; and alternatives.

It tries, as far as the user leaves it open: everything on the GPU; a q8_0 cache there; some experts of a
mixture-of-experts model in RAM; as many layers on the GPU as fit; and if RAM is short, a q8_0 cache and less context.
In a long chat a context of 8192 tokens is worth more than speed, so it is lowered last, and never below 4096.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal

from stackctl.core.fit import ALL, Fit, Memory, Reserves, Settings, Shape, cache_type, fit, shared
from stackctl.core.fit.speed import BEGINNING, Bandwidth, Bandwidths, places, speed, tokens_per_s

CONTEXT: Final = 8192
LEAST_CONTEXT: Final = 4096
_MARGIN, _LEAST_MARGIN_MIB, _WSL_MARGIN_MIB = 0.03, 300, 1024
CUDA_CONTEXT_MIB: Final = 500.0  # of VRAM per GPU and program: 107 (34 SMs) to 612 (148 SMs) were measured


@dataclass(frozen=True, kw_only=True)
class Room:
    """The memory that may be used: free now, or held by the run that this one replaces."""

    gpus_mib: tuple[int, ...] = ()
    totals_mib: tuple[int, ...] = ()  # the total of each GPU; () if it equals the free memory
    ram_mib: int
    ram_total_mib: int = 0
    is_wsl: bool = False  # under WSL the driver falls back to RAM when VRAM is full, which is slow
    bandwidths: Bandwidths = Bandwidths()  # noqa: RUF009 - it is frozen

    @property
    def usable_mib(self) -> tuple[int, ...]:
        """Return the memory of each GPU that a choice may fill."""
        least = _WSL_MARGIN_MIB if self.is_wsl else _LEAST_MARGIN_MIB
        return tuple(
            max(0, free - max(int(total * _MARGIN), least))
            for free, total in zip(self.gpus_mib, self.sizes_mib, strict=True)
        )

    @property
    def sizes_mib(self) -> tuple[int, ...]:
        return self.totals_mib or self.gpus_mib

    def with_gpus(self, gpus_mib: tuple[int, ...]) -> "Room":
        """Return the same with other GPUs, of which no more is known than their free memory."""
        bandwidths = replace(self.bandwidths, gpus=())
        return replace(self, gpus_mib=gpus_mib, totals_mib=(), bandwidths=bandwidths)

    @property
    def usable_ram_mib(self) -> int:
        return max(0, self.ram_mib - max(int(self.ram_mib * _MARGIN), _LEAST_MARGIN_MIB))


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
    device: Literal["cuda", "vulkan", "cpu"] = "cuda"


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
        read = places(self.fit, self.room.bandwidths, self.room.sizes_mib)
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
    missing = what_lacks(found, room, has_margin=False)
    return Choice(
        fit=found,
        fits=not missing,
        room=room,
        problems=tuple(missing),
        tokens_per_s=_rate(found, room),
        alternatives=tuple(_alternatives(shape, wanted, reserves, room, found)) if has_alternatives else (),
    )


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
        context_mib=CUDA_CONTEXT_MIB if has_gpu and wanted.device == "cuda" else 0.0,
    )


def _placed(shape: Shape, wanted: Wanted, reserves: Reserves, room: Room, settings: Settings) -> Fit:
    """Return the sum with the layers shared out among the GPUs, unless the user fixes that."""
    return fit(shape, settings if wanted.split else shared(shape, settings, reserves, room.usable_mib), reserves)


def _ways(shape: Shape, wanted: Wanted, reserves: Reserves, room: Room) -> Iterator[Fit]:
    """Yield every way worth trying, the best first; the last is the most frugal."""
    placed = partial(_placed, shape, wanted, reserves, room)
    trained = shape.trained_context or CONTEXT
    contexts = (
        [wanted.context] if wanted.context else sorted({min(CONTEXT, trained), min(LEAST_CONTEXT, trained)})[::-1]
    )
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
    fewer = bisect_left(counts, True, key=lambda count: _on_gpus(with_experts(count).devices, room.usable_mib))
    if fewer < blocks:
        yield with_experts(counts[fewer])


def _most_layers(placed: Callable[[Settings], Fit], blocks: int, settings: Settings, room: Room) -> Fit:
    """Return as many layers on the GPUs as fit. The sum grows with their number, so a binary search finds it."""
    low, high = 0, blocks + 1
    found = placed(replace(settings, gpu_layers=0))
    while low < high:
        middle = (low + high + 1) // 2
        one = placed(replace(settings, gpu_layers=middle))
        if _on_gpus(one.devices, room.usable_mib):
            low, found = middle, one
        else:
            high = middle - 1
    return found


def _on_gpus(devices: tuple[Memory, ...], free_mib: tuple[int, ...]) -> bool:
    return all(one.total_mib <= free for one, free in zip(devices, free_mib, strict=False))


def what_lacks(one: Fit, room: Room, *, has_margin: bool) -> list[str]:
    """Return a sentence for each place with too little memory; () if there is none."""
    gpus = room.usable_mib if has_margin else room.gpus_mib
    ram = room.usable_ram_mib if has_margin else room.ram_mib
    missing = []
    for number, (device, free) in enumerate(zip(one.devices, gpus, strict=False)):
        if device.total_mib > free:
            name = f"GPU {number}" if len(one.devices) > 1 else "the GPU"
            missing.append(f"{name} has {_gib(free)} free, {_gib(device.total_mib)} are needed")
    if one.host.total_mib > ram:
        missing.append(f"{_gib(ram)} of RAM are free, {_gib(one.host.total_mib)} are needed")
    return missing


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
    trained = shape.trained_context
    for context in (settings.context // 2, settings.context * 2):
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


def _gib(mib: float) -> str:
    return f"{mib / 1024:.1f} GiB"
