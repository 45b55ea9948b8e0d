"""The memory that a model takes, per GPU and in RAM: a sum of named terms."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import accumulate

from stackctl.contracts.memory import BY_CUDA, Device, Reserves
from stackctl.core.fit import compute, crossings
from stackctl.core.fit.settings import ALL, KV_TYPES, Settings
from stackctl.core.fit.sharing import evenly
from stackctl.core.fit.terms import Run
from stackctl.core.model.shape import Layer, Shape

__all__ = ["ALL", "KV_TYPES", "Device", "Fit", "Layer", "Memory", "Reserves", "Settings", "Shape", "fit", "shared"]

_MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Memory:
    """The memory of one GPU, or of the main memory, in MiB, rounded to hundredths so that the terms add up."""

    weights_mib: float = 0.0
    kv_cache_mib: float = 0.0
    state_mib: float = 0.0
    compute_mib: float = 0.0
    output_mib: float = 0.0
    overhead_mib: float = 0.0
    read_mib: float = 0.0  # the part of weights_mib that each token reads

    @cached_property
    def total_mib(self) -> float:
        terms = (self.weights_mib, self.kv_cache_mib, self.state_mib, self.compute_mib, self.output_mib)
        return round(sum(terms) + self.overhead_mib, 2)


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The memory on each device. devices: one per GPU; gpu_layers: as llama.cpp counts them."""

    devices: tuple[Memory, ...]
    host: Memory
    gpu_layers: int
    blocks: int
    settings: Settings


def fit(shape: Shape, settings: Settings, reserves: Reserves) -> Fit:
    """Return the sum for one model, one way to run it, and one backend's reserves."""
    run = Run(shape=shape, settings=settings, reserves=reserves)
    blocks = len(shape.layers)
    if settings.device == "cpu" or not settings.split:
        return Fit(devices=(), host=_all_in_ram(run), gpu_layers=0, blocks=blocks, settings=settings)
    place = _place(run)
    on_gpu = place.on_gpu
    devices = tuple(place.device(number) for number in range(len(settings.split)))
    return Fit(devices=devices, host=place.host(), gpu_layers=on_gpu, blocks=blocks, settings=settings)


def shared(shape: Shape, settings: Settings, reserves: Reserves, room_mib: Sequence[int]) -> Settings:
    """Return the settings with the split that fills the GPUs most evenly, as the number of layers of each.

    A block whose experts stay in RAM is small, so that a GPU takes more of them. room_mib: what each GPU may hold.
    """
    place = _place(Run(shape=shape, settings=settings, reserves=reserves))
    if len(settings.split) < 2 or not place.on_gpu:
        return settings
    compute_of = cache(place.roughly)

    def taken(gpu: int, start: int, end: int) -> float:
        fixed = compute_of(gpu, is_idle=start == end, has_output=start < end == place.on_gpu)
        return (place.sizes[end] - place.sizes[start] + fixed) / _MIB + settings.context_mib

    counts = evenly(place.on_gpu, [max(1, room) for room in room_mib], taken)
    return replace(settings, split=tuple(map(float, counts)))


def _place(run: Run) -> "_Place":
    return _Place(run, min(run.settings.gpu_layers, len(run.shape.layers) + 1))


@dataclass(frozen=True)
class _Place:
    """The place of each block: the first ones in RAM, the others on the GPUs in order, the output layer on the last."""

    run: Run
    on_gpu: int

    @property
    def first(self) -> int:
        """Return the index of the first block on a GPU."""
        return max(0, len(self.run.shape.layers) + 1 - self.on_gpu)

    def _gpu(self, index: int) -> int:
        """Return the GPU of a block by its index (the output layer has the next one), from each GPU's share."""
        share, split = (index - self.first) / max(1, self.on_gpu), self.run.settings.split
        reached, whole = 0.0, sum(split)  # the parts are added up before the division, as in llama-model.cpp
        for number, part in enumerate(split):
            reached += part
            if share < reached / whole:
                return number
        return len(split) - 1

    def _experts(self, index: int) -> int:
        """Return the bytes of a GPU block's experts that stay in RAM."""
        return self.run.shape.layers[index].experts if index < self.run.settings.cpu_experts else 0

    def device(self, number: int) -> Memory:
        run, layers = self.run, self.run.shape.layers
        placed = [i for i in range(self.first, len(layers) + bool(self.on_gpu)) if self._gpu(i) == number]
        mine = [i for i in placed if i < len(layers)]
        has_output = len(placed) > len(mine)
        weights = sum(layers[i].weights - self._experts(i) for i in mine) + (run.shape.output if has_output else 0)
        return Memory(
            weights_mib=_mib(weights),
            read_mib=_mib(weights - run.shape.idle(sum(layers[i].experts - self._experts(i) for i in mine))),
            kv_cache_mib=_mib(sum(run.kv_cache(layers[i]) for i in mine)),
            state_mib=_mib(sum(run.state(layers[i]) for i in mine)),
            compute_mib=_mib(self.compute(number, range(placed[0], placed[-1] + 1) if placed else range(0))),
            overhead_mib=round(run.settings.context_mib, 2),
        )

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Return the bytes of all weights, caches and states on the GPUs before each of their layers, and of all."""
        run, layers = self.run, self.run.shape.layers
        blocks = [
            layers[i].weights - self._experts(i) + run.kv_cache(layers[i]) + run.state(layers[i])
            for i in range(self.first, len(layers))
        ]
        return tuple(accumulate([*blocks, run.shape.output], initial=0))

    @property
    def has_everything(self) -> bool:
        """Return whether the GPUs hold all layers."""
        return self.on_gpu > len(self.run.shape.layers) and not self.run.settings.cpu_experts

    @property
    def is_shared(self) -> bool:
        """Return whether several GPUs work on a prompt at once, which llama.cpp does if they hold all layers."""
        return self.has_everything and len(self.run.settings.split) > 1

    def compute(self, number: int, placed: range) -> int:
        """Return the bytes of the compute buffer of a GPU with these layers; the output layer has the last number."""
        run = self.run
        has_output = len(run.shape.layers) in placed
        if not placed or not (self.is_shared or number):
            return self.roughly(number, is_idle=not placed, has_output=has_output)
        layers = run.shape.layers[placed.start : placed.stop]
        deepstack = 0 if number else run.shape.deepstack  # only the first blocks see pictures
        part = replace(run, shape=replace(run.shape, layers=layers, deepstack=deepstack))
        if not self.is_shared:
            return compute.on_gpu(part, has_output=has_output)
        buffer = compute.on_one_of_several(part, is_first=number == 0, is_last=has_output)
        return buffer + crossings.copied(run, placed)

    def roughly(self, number: int, *, is_idle: bool, has_output: bool) -> int:
        """Return the same for a GPU with any layers, or with none."""
        run, blocks = self.run, len(self.run.shape.layers)
        if is_idle and (number or self.has_everything):
            return 0
        if self.is_shared:
            return compute.on_one_of_several(run, is_first=number == 0, is_last=has_output)
        if self.has_everything or number:  # the first GPU computes the layers in RAM
            return compute.on_gpu(run, has_output=has_output)
        buffer = compute.on_gpu_in_part(run, min(max(0, self.on_gpu - 1), blocks), has_output=has_output)
        return buffer + crossings.caches(run, range(self.first, blocks), may_slide=False)

    def host(self) -> Memory:
        run, layers = self.run, self.run.shape.layers
        here = range(min(self.first, len(layers)))
        beside = sum(self._experts(i) for i in range(self.first, len(layers)))
        weights = run.shape.input + sum(layers[i].weights for i in here) + beside
        read = weights - run.shape.input - run.shape.idle(sum(layers[i].experts for i in here) + beside)
        if not self.on_gpu:
            weights += 0 if run.shape.is_tied else run.shape.output
            weights += run.shape.output - run.shape.embedding_bytes if run.shape.is_tied else 0
        beside_gpus = compute.beside_gpus(run) + crossings.in_ram(run) if self.is_shared else compute.beside_gpu(run)
        return Memory(
            weights_mib=_mib(weights),
            read_mib=_mib(read if self.on_gpu else read + run.shape.output),
            kv_cache_mib=_mib(sum(run.kv_cache(layers[i]) for i in here)),
            state_mib=_mib(sum(run.state(layers[i]) for i in here)),
            compute_mib=_mib(beside_gpus),
            output_mib=_mib(run.output),
            overhead_mib=_base(run),
        )


def _all_in_ram(run: Run) -> Memory:
    layers = run.shape.layers
    read = sum(layer.weights for layer in layers) - run.shape.idle(sum(layer.experts for layer in layers))
    return Memory(
        weights_mib=_mib(run.shape.weights),
        read_mib=_mib(read + run.shape.output),
        kv_cache_mib=_mib(sum(run.kv_cache(layer) for layer in layers)),
        state_mib=_mib(sum(run.state(layer) for layer in layers)),
        compute_mib=_mib(compute.on_cpu(run)),
        output_mib=_mib(run.output),
        overhead_mib=_base(run),
    )


def _base(run: Run) -> float:
    """Return the program's RAM, which grows with the vocabulary (measured: 90 MiB with 32k tokens, 125 with 262k)."""
    unpacked = run.reserves.unpacked_gpu_mib if run.settings.device in BY_CUDA else run.reserves.unpacked_mib
    return round(run.reserves.base_mib + unpacked + run.shape.vocabulary / 6400, 2)


def _mib(size: int) -> float:
    return round(size / _MIB, 2)
