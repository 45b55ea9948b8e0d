"""Causes on the GPU: layers that are not there, a driver that uses RAM instead, heat, power, and other programs."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from stackctl.core.fit import ALL, fit
from stackctl.core.fit.speed import tokens_per_s
from stackctl.core.slow.changes import planned_with, rate
from stackctl.core.slow.machine_causes import excess_s
from stackctl.core.slow.mean import Expected, Mean, rate_of
from stackctl.core.slow.observation import GpuSeen, Observation
from stackctl.core.slow.slowdown import Slowdown

_LEAST: Final = 1.1  # times faster: less is not worth a word
_FULL_MIB: Final = 300  # free on a GPU that is as good as full
_LEAST_MIB: Final = 256  # of other programs
_MOST_NAMED: Final = 3


def not_used(seen: Observation, mean: Mean) -> Iterator[Slowdown]:
    """Yield the cause that the backend computes on the processor although layers were planned on the GPU."""
    if seen.layers_on_gpu != 0 or not seen.choice_on_gpu or seen.choice is None:
        return
    found = seen.choice.fit
    yield Slowdown(
        issue="gpu-not-used",
        says=f"{seen.title} put no layer on the GPU, and {found.gpu_layers} of {found.blocks + 1} were planned there",
        hint="Run `stackctl gpu`, which finds the layer that fails.",
        seconds=mean.written_s / 2,
        certainty="likely",
    )


def in_ram(seen: Observation, mean: Mean) -> Iterator[Slowdown]:
    """Yield the cause that layers or experts are in RAM, which the processor reads and computes."""
    choice, shape = seen.choice, seen.shape
    if choice is None or not choice.fit.devices or shape is None or seen.reserves is None:
        return
    found, filled = choice.fit, int(mean.prompt)
    everything = fit(shape, replace(found.settings, gpu_layers=ALL, cpu_experts=0), seen.reserves)
    whole = tokens_per_s(everything, choice.room.bandwidths, choice.room.sizes_mib, filled=filled)
    times = whole / rate_of(seen, filled)
    if times < _LEAST or not (found.host.read_mib and (found.gpu_layers <= found.blocks or found.settings.cpu_experts)):
        return
    missing = found.blocks + 1 - found.gpu_layers
    words = [f"{missing} of {found.blocks + 1} layers"] if missing else []
    words += [f"the experts of {found.settings.cpu_experts} blocks"] if found.settings.cpu_experts else []
    yield Slowdown(
        issue="gpu-layers-in-ram",
        says=f"{' and '.join(words)} are in RAM, where the processor computes them",
        hint="Free memory on the GPU by one of the changes below, or use a smaller model.",
        seconds=mean.written_s * (1 - 1 / times),
        certainty="computed",
        evidence=(f"each token reads {found.host.read_mib / 1024:.1f} GiB there; all on a GPU: {times:.1f} x as fast",),
    )


def shared(seen: Observation, mean: Mean) -> Iterator[Slowdown]:
    """Yield the cause that other programs hold memory of the GPU in which layers would have room."""
    others = [one for gpu in seen.gpus for one in gpu.others if one.mib >= _LEAST_MIB]
    if not others or seen.room_alone is None or seen.choice is None:
        return
    alone = planned_with(seen, room=seen.room_alone)
    if alone is None or (times := rate(alone, mean) / rate_of(seen, int(mean.prompt))) < _LEAST:
        return
    names = ", ".join(f"{one.name or 'a program'} (process {one.pid}, {one.mib} MiB)" for one in others[:_MOST_NAMED])
    more = alone.fit.gpu_layers - seen.choice.fit.gpu_layers
    yield Slowdown(
        issue="gpu-shared",
        says=f"other programs hold {sum(one.mib for one in others)} MiB of the GPU, in which {more} more layers "
        "would have room",
        hint="End them, and run `stackctl deploy --replan`.",
        seconds=mean.written_s * (1 - 1 / times),
        certainty="computed",
        evidence=(names,),
    )


def overflowing(seen: Observation, mean: Mean, expected: Expected) -> Iterator[Slowdown]:
    """Yield the cause that the driver under WSL has put into RAM what the GPU had no room for."""
    full = [one for one in seen.gpus if one.reading.total_mib and one.reading.free_mib < _FULL_MIB]
    if not (seen.is_wsl and full and seen.choice_on_gpu and expected.slower > 1):
        return
    one = full[0].reading
    yield Slowdown(
        issue="gpu-memory-overflows",
        says=f"only {one.free_mib} of {one.total_mib} MiB of the GPU are free: under WSL its driver then uses RAM, "
        "which is 5 to 10 times slower",
        hint="Lower `backend.gpu_layers` or `backend.context` in stack.toml, or end programs that hold its memory; in "
        'the NVIDIA Control Panel set "CUDA - Sysmem Fallback Policy" to prefer no fallback.',
        seconds=excess_s(mean, expected),
        certainty="likely",
    )


def throttled(seen: Observation, mean: Mean, expected: Expected) -> Iterator[Slowdown]:
    """Yield the cause that a GPU is slowed down by heat or power, where replies are slower than expected."""
    slowed = [one for one in seen.gpus if one.reading.throttled and one.own_mib != 0]
    if not slowed or not seen.choice_on_gpu or expected.slower <= 1:
        return
    yield Slowdown(
        issue="gpu-throttles",
        says=f"the GPU is slowed down by: {', '.join(slowed[0].reading.throttled)}",
        hint="Give it air, clean its cooler, and check its power cables; `nvidia-smi -q -d PERFORMANCE,POWER` shows "
        "its limits.",
        seconds=excess_s(mean, expected),
        certainty="likely",
        evidence=tuple(_state(slowed[0])),
    )


def _state(one: GpuSeen) -> Iterator[str]:
    now = one.reading
    words = []
    if now.temperature_c is not None:
        words.append(f"{now.temperature_c} C")
    if now.power_w is not None:
        limit = f" of {now.power_limit_w:.0f}" if now.power_limit_w is not None else ""
        words.append(f"{now.power_w:.0f}{limit} W")
    if now.utilisation is not None:
        words.append(f"{now.utilisation} % busy")
    if words:
        yield f"{now.name or 'the GPU'} now: {', '.join(words)}"
