"""Causes on the machine: the processor's time, memory that is not in RAM, heat, and other programs."""

from collections.abc import Iterator
from typing import Final

from stackctl.core.fit.speed import Bandwidth
from stackctl.core.slow.counters import GroupSeen
from stackctl.core.slow.mean import Expected, Mean
from stackctl.core.slow.observation import Moment, Observation
from stackctl.core.slow.slowdown import Slowdown

_HELD_BACK: Final = 0.05  # of the periods
_LEAST_MIB: Final = 64
_MISSING: Final = 0.1  # of the weights
_TWICE: Final = 1.5  # times that the model was read: more than the start needs
_OTHERS: Final = 0.2  # of the processors
_WAITS: Final = 0.1  # of the time, for a processor
_SLOW_CLOCK: Final = 0.6
_BUSY: Final = 0.3  # of the processors: with less its clock may rightly be low


def computes_here(seen: Observation) -> bool:
    """Return whether the processor computes a part of the model; True if that is unknown."""
    return seen.choice is None or not seen.choice.fit.devices or seen.choice.fit.host.read_mib > 0


def limited(seen: Observation, mean: Mean) -> Iterator[Slowdown]:
    """Yield the cause that the container may use too little of the processor."""
    group, wanted = seen.now.group if seen.now else GroupSeen(), _wanted(seen)
    reading, writing = limit_factors(seen)
    if not group.cpus or writing <= 1:
        return
    share = group.held_back_share
    yield Slowdown(
        issue="processor-limited",
        says=f"{seen.title} may use {group.cpus:g} of the {wanted} processors that it computes with",
        hint="Raise `limits.backend_cpus` in stack.toml, or leave it auto, and run `stackctl deploy`.",
        seconds=mean.read_s * (1 - 1 / reading) + mean.written_s * (1 - 1 / writing),
        certainty="measured",
        evidence=(f"it was held back in {group.held_back} of {group.periods} periods ({100 * share:.0f} %)",),
    )


def limit_factors(seen: Observation) -> tuple[float, float]:
    """Return how many times slower the limit on the processor makes reading and writing; 1.0 where it does not."""
    group, wanted = seen.now.group if seen.now else GroupSeen(), _wanted(seen)
    share = group.held_back_share
    if not group.cpus or share < _HELD_BACK or wanted <= group.cpus:
        return 1.0, 1.0
    return 1 + (wanted / group.cpus - 1) * share, 1 + (_of_memory(seen, group.cpus / wanted) - 1) * share


def _wanted(seen: Observation) -> int:
    """Return the processors that the backend computes with: one where the GPU computes all."""
    return (seen.threads or seen.processor.cores or 1) if computes_here(seen) else 1


def _of_memory(seen: Observation, part: float) -> float:
    """Return how many times slower RAM is read with this part of the processor: memory may be the limit before it."""
    if seen.choice is None:
        return 1 / part
    ram = seen.choice.room.bandwidths.ram
    less = Bandwidth(gb_per_s=ram.gb_per_s, source=ram.source, cores_gb_per_s=ram.cores_gb_per_s * part)
    return max(1.0, ram.used_gb_per_s / less.used_gb_per_s) if ram.cores_gb_per_s else 1 / part


def swapped_out(seen: Observation, mean: Mean, expected: Expected) -> Iterator[Slowdown]:
    """Yield the cause that a part of the model is not in RAM: in swap, or dropped from the page cache."""
    if seen.now is None:
        return
    found = list(_not_in_ram(seen, seen.now))
    if not found:
        return
    needed = seen.choice.fit.host.total_mib if seen.choice else 0
    limit = seen.now.group.limit_mib
    hint = "End programs that hold RAM, or use a smaller model or context."
    if limit is not None and limit < needed:
        found.append(f"its memory is limited to {limit} MiB, and it takes {needed:.0f} MiB")
        hint = "Raise `limits.backend_memory` in stack.toml, or leave it auto, and run `stackctl deploy`."
    elif seen.place.is_network:
        found.append(f"the model lies on a network share ({seen.place.file_system} at {seen.place.mount_point})")
    elif seen.place.has_platters:
        found.append("the model lies on a hard disk, which reads slowly")
    yield Slowdown(
        issue="model-swapped-out",
        says=f"a part of the model is not in RAM: {found[0]}",
        hint=hint,
        seconds=excess_s(mean, expected),
        certainty="likely",
        evidence=tuple(found[1:]),
    )


def _not_in_ram(seen: Observation, now: Moment) -> Iterator[str]:
    host = seen.choice.fit.host if seen.choice else None
    swapped = max(now.processes.swapped_mib, now.group.swapped_mib or 0)
    if swapped >= max(_LEAST_MIB, (host.read_mib if host else seen.model_mib) * _MISSING / 2):
        yield f"{swapped} MiB of {seen.title} are in swap"
    # the tables of a model on a GPU are read once, and what was mapped for that is given back
    if host and seen.model_mib and not seen.choice_on_gpu and now.processes.resident_mib:
        missing = host.read_mib - now.processes.resident_mib
        if missing >= max(_LEAST_MIB, host.read_mib * _MISSING):
            yield f"{missing:.0f} of its {host.read_mib:.0f} MiB have to be read from the disk for the next token"
    read = max(seen.read_mib, now.processes.read_mib)
    if seen.model_mib and not seen.idle_unload_s and read >= max(_LEAST_MIB, seen.model_mib * _TWICE):
        times = read / seen.model_mib
        yield f"its file of {seen.model_mib} MiB was read {times:.1f} times since the start"


def excess_s(mean: Mean, expected: Expected) -> float:
    """Return the seconds that writing takes longer than one has to expect."""
    return mean.written_s * (1 - 1 / expected.slower)


def busy(seen: Observation, mean: Mean, expected: Expected) -> Iterator[Slowdown]:
    """Yield the cause that other programs use the processor."""
    if not computes_here(seen) or not (others := others_share(seen)) or others < _OTHERS:
        return
    waits = max(seen.pressure.last_10_s, seen.pressure.last_60_s) if seen.pressure else None
    times = _by_others(seen, others)
    if expected.computed is not None:
        times = min(times, expected.slower)
    elif not waits or waits < _WAITS:
        return  # nothing to compare the speed with, and no program waits
    if times <= 1:
        return
    evidence = [f"processes waited for a processor in {100 * waits:.0f} % of the last minute"] if waits else []
    yield Slowdown(
        issue="processor-busy",
        says=f"other programs use {100 * others:.0f} % of the processors now",
        hint="Run `top`, and end what you do not need, or move it to another time.",
        seconds=(mean.read_s + mean.written_s) * (1 - 1 / times),
        certainty="likely",
        evidence=tuple(evidence),
    )


def _by_others(seen: Observation, share: float) -> float:
    """Return how many times slower others can make it: a processor is shared by all threads that want it.

    Of the threads that want one now, stackctl is one, and the backend has as many as the processors that it used.
    """
    cores = seen.processor.cores or 1
    threads = (seen.now.running if seen.now else 0) - 1 - round(own_processors(seen) or 0)
    return 1 + max(share * cores, threads) / cores


def own_processors(seen: Observation) -> float | None:
    """Return how many processors the backend used between the two looks; None if that is unknown."""
    before, now = seen.before, seen.now
    if not (before and now) or before.group.used_s is None or now.group.used_s is None or now.at_s <= before.at_s:
        return None
    return (now.group.used_s - before.group.used_s) / (now.at_s - before.at_s)


def others_share(seen: Observation) -> float | None:
    """Return the part of all processors that others used between the two looks; None if that is unknown."""
    before, now = seen.before, seen.now
    if not (before and now and before.times and now.times):
        return None
    whole, used = now.times.whole_s - before.times.whole_s, own_processors(seen)
    if whole <= 0 or used is None:
        return None
    own = used * (now.at_s - before.at_s)
    return max(0.0, now.times.busy_s - before.times.busy_s - own) / whole


def throttled(seen: Observation, mean: Mean, expected: Expected) -> Iterator[Slowdown]:
    """Yield the cause that the processor runs slower than it could: by heat, or by a setting."""
    before, now, processor = seen.before, seen.now, seen.processor
    if not (before and now) or not computes_here(seen):
        return
    found = []
    if now.heat > before.heat:
        found.append("the processor was slowed down by heat just now")
    is_busy = bool(before.times and now.times) and _busy_share(before, now) >= _BUSY
    if processor.most_mhz and processor.mhz < _SLOW_CLOCK * processor.most_mhz and is_busy:
        by = f", governor {processor.governor}" if processor.governor else ""
        found.append(f"its clock is {processor.mhz} of {processor.most_mhz} MHz although it computes{by}")
    if not found:
        return
    yield Slowdown(
        issue="processor-throttles",
        says=found[0],
        hint="Check its cooler and the air around it, plug in the power supply, and choose the power profile for "
        "performance.",
        seconds=excess_s(mean, expected),
        certainty="likely",
        evidence=tuple(found[1:]),
    )


def _busy_share(before: Moment, now: Moment) -> float:
    assert before.times  # noqa: S101 - the caller has looked
    assert now.times  # noqa: S101 - the caller has looked
    whole = now.times.whole_s - before.times.whole_s
    return (now.times.busy_s - before.times.busy_s) / whole if whole > 0 else 0.0


def reloaded(seen: Observation, mean: Mean) -> Iterator[Slowdown]:
    """Yield the cause that the model was asleep, and loaded again for a reply."""
    woke = [one for one in seen.replies if one.woke][-mean.replies :]
    if not woke or not seen.ready_s:
        return
    yield Slowdown(
        issue="model-reloaded",
        says=f"the model was unloaded while it was idle, and loaded again for {len(woke)} of these replies",
        hint="Raise `backend.idle_unload` in stack.toml, or leave it off, and run `stackctl deploy`.",
        seconds=seen.ready_s * len(woke) / mean.replies,
        certainty="likely",
        evidence=(f"the last start took {seen.ready_s:.0f} s",),
    )
