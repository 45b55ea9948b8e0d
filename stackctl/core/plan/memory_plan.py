"""The memory of the stack's backend: chosen once, compared with the free memory, and limited."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import cache, partial

from stackctl.backends.contract import Backend
from stackctl.contracts.memory import Reserves
from stackctl.contracts.service import GpuRequest
from stackctl.core.config.lock import Decisions, are_shares, is_number, one_of
from stackctl.core.config.spec import AUTO, DEMO, Spec
from stackctl.core.config.values import memory_mib
from stackctl.core.fit import KV_TYPES, Memory, cache_type
from stackctl.core.fit.choice import CONTEXT, Alternative, Choice, Room, Wanted, choose
from stackctl.core.fit.room import RESERVE_MIB
from stackctl.core.fit.speed import Bandwidths, of_gpu, of_ram
from stackctl.core.observed import Observed
from stackctl.core.plan.arguments import Overridden
from stackctl.core.plan.gpu_request import requested_gpus
from stackctl.errors import ConfigError, DoesNotFit
from stackctl.gpus import GPUS

_KV = "kv_cache"
_SETTINGS = ("backend", "model", "bytes", "wanted", "gpu_reserve")  # the inputs that are no part of the machine
_NO_INPUTS = ("usable", "before")  # of what is wanted: they count where something is chosen afresh
_LIMIT_SHARE, _LIMIT_MORE_MIB, _CUDA_MORE_MIB = 1.25, 2048, 2048


def choose_memory(
    insisted: Overridden,
    seen: Observed,
    backend: Backend,
    reserves: Reserves,
    gpu: GpuRequest | None,
    decisions: Decisions,
) -> Choice | None:
    """Choose context, KV type and GPU layers from stack.toml and free memory; None if either is unknown.

    `reserves`: of the backend's build that runs.

    A recorded choice stays while model, machine and configuration are the same: memory that other programs hold
    meanwhile changes only the verdict. On another machine, or with another build, a recorded context still stays if it
    fits.
    """
    spec, shape = insisted.spec, seen.model.shape
    if shape is None:
        return None
    if why := cache_type.fault(shape, spec.backend.kv_cache, flash_attention=True):
        raise ConfigError(
            f"backend.kv_cache = {spec.backend.kv_cache!r} does not suit {seen.model.name}: {why}",
            hint='Set `backend.kv_cache = "f16"`, or leave it `"auto"`.',
        )
    room = _room(spec, seen, gpu)
    if room is None:
        return None
    wanted = _wanted(insisted, backend, gpu, room, seen)
    able = one_of(cache_type.able(shape, flash_attention=wanted.flash_attention))
    inputs = {
        "backend": backend.NAME,
        "model": seen.model.name,
        "bytes": seen.model.size,
        "gpus": [[one.uuid, one.total_mib] for one in (requested_gpus(gpu, seen) if gpu else ())],
        "ram_gib": round((seen.ram.total_mib if seen.ram else 0) / 1024),
        "wanted": {key: one for key, one in asdict(wanted).items() if one != () and key not in _NO_INPUTS},
    }
    if room.reserve_mib != RESERVE_MIB:
        inputs["gpu_reserve"] = room.reserve_mib
    if reserves != backend.MEMORY:  # not the newest build: it counts only then, so that older records stay valid
        inputs["logits"] = reserves.logits
    name = f"models.{spec.model.use}" if spec.model.use else "backend"
    before = decisions.former(f"{name}.context", inputs, _SETTINGS)
    wanted = replace(wanted, before=before if is_number(before) else None)
    fresh = cache(partial(choose, shape, wanted, reserves, room))  # only if nothing is recorded
    context = decisions.decide(f"{name}.context", inputs, lambda: fresh().settings.context, known=is_number)
    kv_type = decisions.decide(
        f"{name}.{_KV}", inputs, lambda: fresh().settings.kv_type, known=one_of(KV_TYPES), holds=able
    )
    layers = decisions.decide(f"{name}.gpu_layers", inputs, lambda: fresh().fit.gpu_layers, known=is_number)
    experts = decisions.decide(f"{name}.cpu_experts", inputs, lambda: fresh().settings.cpu_experts, known=is_number)
    experts = experts if insisted.cpu_experts is None else insisted.cpu_experts
    settled = replace(wanted, context=context, kv_type=kv_type, gpu_layers=layers, cpu_experts=experts)
    choice = choose(shape, settled, reserves, room)
    if len(choice.settings.split) < 2 or not choice.fit.gpu_layers:
        return choice
    split = decisions.decide(f"{name}.split", inputs, lambda: fresh().settings.split, known=are_shares)
    return choose(shape, replace(settled, split=split), reserves, room)


def describe(choice: Choice) -> str:
    """Return the sum as one line: for each device what is needed, for what, and what is free."""
    found, words = choice.fit, []
    for number, (one, free) in enumerate(zip(found.devices, choice.room.gpus_mib, strict=False)):
        name = f"GPU {choice.room.index(number)}" if len(found.devices) > 1 else "GPU"
        words.append(f"{name} {_sum(one)} of {free / 1024:.1f} GiB free")
    words.append(f"RAM {_sum(found.host)} of {choice.room.ram_mib / 1024:.1f} GiB free")
    layers = f"{found.gpu_layers} of {found.blocks + 1} layers on the GPU, " if found.devices else ""
    experts = f"experts of {found.settings.cpu_experts} in RAM, " if found.settings.cpu_experts else ""
    return f"memory: {layers}{experts}{'; '.join(words)}"


def describe_context(choice: Choice) -> str:
    """Return how much of the model's context it has, and what more of it takes."""
    context, usable, more = choice.settings.context, choice.usable, choice.more_context
    has = f"{context} of the {usable} tokens that the model is good for"
    if usable <= context:
        has = f"{context} tokens, as many as the model is good for" if usable else f"{context} tokens"
    if more is None:
        return f"context: {has}"
    place = "on the GPU" if more.fit.devices else "of RAM"
    takes = f"`{more.change}` takes {-more.saves_mib / 1024:.1f} GiB more {place}"
    return f"context: {has}; {takes}, {'which is free' if more.fits else 'more than is free'}"


def describe_speed(choice: Choice) -> str:
    """Return how fast it writes, at the beginning of a chat and at its end, and by which bandwidths."""
    full = choice.full_tokens_per_s
    later = f", {_rate(full)} once the chat fills the context" if _rate(full) != _rate(choice.tokens_per_s) else ""
    at = [f"{name} at {bandwidth.gb_per_s:.0f} GB/s, {bandwidth.source}" for name, bandwidth in choice.bandwidths]
    proven = "; computed, and not yet proven on any GPU" if choice.fit.devices else ""
    return f"speed: about {_rate(choice.tokens_per_s)} tokens/s{later} ({'; '.join(at)}{proven})"


def _rate(tokens_per_s: float) -> str:
    return f"{tokens_per_s:.0f}" if tokens_per_s >= 10 else f"{tokens_per_s:.1f}"


def _sum(one: Memory) -> str:
    terms = (
        ("weights", one.weights_mib),
        ("KV cache", one.kv_cache_mib),
        ("state", one.state_mib),
        ("compute", one.compute_mib + one.output_mib),
        ("program", one.overhead_mib),
    )
    parts = ", ".join(f"{name} {mib / 1024:.1f}" for name, mib in terms if mib >= 51)
    return f"{one.total_mib / 1024:.1f}{f' ({parts})' if parts else ''}"


def refusal(choice: Choice, name: str) -> DoesNotFit:
    """Return the error for a model that takes more memory than is free; it names what would fit."""
    better = [*_left_out(choice), *(_way(one) for one in choice.alternatives if one.fits)]
    saving = [one for one in choice.alternatives if one.saves_mib > 0]
    can_be_enough = sum(one.saves_mib for one in saving) >= choice.missing_mib
    saved = [f"{one.change} saves {one.saves_mib / 1024:.1f} GiB" for one in saving] if can_be_enough else []
    ways = better or saved
    change = "Make one of these changes" if better else "Combine several of these changes, as none is enough alone"
    listed = f"{change}: {'; '.join(ways)}. Or choose" if ways else "Choose"
    return DoesNotFit(
        f"{name} does not fit into memory: {'; '.join(choice.problems)}",
        hint=f"{listed} a smaller model with `stackctl models recommend`, or end programs that hold memory. "
        "`--force` starts it without enough memory.",
    )


def _left_out(choice: Choice) -> Iterator[str]:
    """Yield the change that leaves out GPUs that are too full even without a layer, if others hold layers."""
    devices, free = choice.fit.devices, choice.room.gpus_mib
    of_use = [one.weights_mib > 0 or one.total_mib <= mib for one, mib in zip(devices, free, strict=False)]
    if any(of_use) and not all(of_use):
        able = [str(choice.room.index(number)) for number, is_of_use in enumerate(of_use) if is_of_use]
        yield f"gpu.devices = {json.dumps(able)} (leaves out what is too full even without a layer)"


def limit_mib(choice: Choice, scratch_mib: int) -> int:
    """Return the memory limit of its container: its RAM and a wide margin. scratch_mib: the size of its tmpfs."""
    more = _LIMIT_MORE_MIB + (_CUDA_MORE_MIB if choice.fit.devices else 0)
    return int(choice.fit.host.total_mib * _LIMIT_SHARE) + more + scratch_mib


def limit_notes(spec: Spec, choice: Choice) -> Iterator[str]:
    """Return notes about a limit that is lower than what the backend takes, and a reserve that leaves it no GPU."""
    gpus = choice.room.gpus_mib
    if gpus and choice.room.reserve_mib >= max(gpus) and spec.backend.gpu_layers == AUTO:
        yield f"gpu.reserve = {spec.gpu.reserve!r} leaves nothing of any GPU, so that no layer is put there"
    limit = memory_mib(spec.limits.backend_memory)
    if limit is not None and limit < choice.fit.host.total_mib:
        yield (
            f"limits.backend_memory = {spec.limits.backend_memory!r} is less than the "
            f"{choice.fit.host.total_mib / 1024:.1f} GiB of RAM that the backend takes: the engine may end it, or it "
            "reads the model from the disk again and again; raise it, or leave it auto"
        )


def _way(one: Alternative) -> str:
    return f"{one.change} ({one.effect})"


def _of_each(split: tuple[float, ...], gpus: int) -> tuple[float, ...]:
    """Return a share for each GPU, as the programs read a list that is too short or too long; () if none has any."""
    found = (*split, *(0.0 for _ in range(gpus)))[:gpus]
    return found if any(found) else ()


def _wanted(insisted: Overridden, backend: Backend, gpu: GpuRequest | None, room: Room, seen: Observed) -> Wanted:
    own = insisted.spec.backend
    is_demo = seen.model.wanted == DEMO  # its one sentence fills no context
    to_choose = None if "q8_0" in backend.KV_TYPES else "f16"  # choose() has these two
    return Wanted(
        context=None if own.context == "auto" else own.context,
        kv_type=to_choose if own.kv_cache == "auto" else own.kv_cache,
        gpu_layers=None if own.gpu_layers == "auto" else own.gpu_layers,
        batch=None if own.batch == "auto" else own.batch,
        slots=insisted.slots,
        cpu_experts=insisted.cpu_experts or 0,
        split=_of_each(insisted.split, len(room.gpus_mib)),
        flash_attention=own.flash_attention != "off",
        device=GPUS[gpu.make].DEVICE if gpu else "cpu",
        usable=CONTEXT if is_demo else seen.model.good_context or None,
    )


def _room(spec: Spec, seen: Observed, gpu: GpuRequest | None) -> Room | None:
    """Return the memory that may be filled: free now, or held by the backend that this run replaces."""
    if seen.ram is None:
        return None
    gpus = requested_gpus(gpu, seen) if gpu else ()
    if gpu and (not gpus or not all(one.total_mib for one in gpus)):
        return None  # it is not visible from here, or it shares the machine's memory
    return Room(
        gpus_mib=tuple(one.free_mib + one.own_mib for one in gpus),
        totals_mib=tuple(one.total_mib for one in gpus),
        indices=tuple(one.index for one in gpus),
        ram_mib=seen.ram.free_mib + seen.ram.own_mib,
        ram_total_mib=seen.ram.total_mib,
        reserve_mib=memory_mib(spec.gpu.reserve) or 0,
        is_wsl=seen.is_wsl,
        bandwidths=Bandwidths(
            gpus=tuple(map(of_gpu, gpus)),
            ram=of_ram(seen.read_speed, None if spec.backend.threads == "auto" else spec.backend.threads),
        ),
    )
