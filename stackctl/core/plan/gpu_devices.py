"""Chooses the GPUs that gpu.devices means, of those that this machine has."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from stackctl.contracts.host import Gpu
from stackctl.core.config.lock import Decisions
from stackctl.core.config.values import ALL_GPUS, COUNT, FREE, NOT_DISPLAY
from stackctl.core.gpu.unusable import title
from stackctl.errors import GpuError
from stackctl.gpus import separate

KEY: Final = "gpu.devices"
_MIG: Final = re.compile(r"MIG-.+|[0-9]+:[0-9]+")  # a part of a GPU, by its UUID or by the indices of both
_PCI: Final = re.compile(r"(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")


@dataclass(frozen=True, kw_only=True)
class Devices:
    """The GPUs of a stack.

    names: as a make of GPU requests them ("all", an index, a UUID, a name of CDI's).
    gpus: the same as they were observed, in the order in which a program inside the container counts them from 0 on;
    () if they are not visible from here, or are parts of GPUs.
    main: the place, in that order, of the one that stack.toml names first.
    """

    names: tuple[str, ...]
    gpus: tuple[Gpu, ...] = ()
    main: int = 0


def choose_devices(wanted: tuple[str, ...], seen: tuple[Gpu, ...], decisions: Decisions) -> Devices:
    """Return the GPUs that gpu.devices means. seen: those of one make.

    What depends on the moment ("free", "count:2") is decided once. Raise GpuError for one that does not exist or can't
    be used, and if there are too few.
    """
    if not seen or any(_MIG.fullmatch(_plain(one)) for one in wanted):
        return Devices(names=wanted)
    able = tuple(one for one in seen if not one.fault)
    if any_of_kind(wanted):
        found = _by_kind(wanted, seen, able, decisions)
        listed = tuple(one for one in seen if one.index >= 0)  # the engine passes on what the driver lists
        names = (ALL_GPUS,) if found == listed else tuple(one.uuid for one in found)
        return Devices(names=names, gpus=_counted(found))
    each = [_named(one, seen) for one in wanted]
    if not all(each):
        return Devices(names=wanted)
    _refuse_twice(wanted, [gpu for one in each for gpu in one])
    gpus = tuple(dict.fromkeys(gpu for one in each for gpu in one))
    if broken := [one for one in gpus if one.fault]:
        raise GpuError(
            f"gpu.devices names what can't be used: {_why(broken)}", hint=_choose(able), issue=broken[0].issue
        )
    inside = _counted(gpus)
    names = tuple(each[at][0].uuid if _PCI.fullmatch(one.lower()) else one for at, one in enumerate(wanted))
    return Devices(names=names, gpus=inside, main=inside.index(gpus[0]))


def any_of_kind(wanted: tuple[str, ...]) -> bool:
    """Return whether gpu.devices names no GPU, but a kind of them: all, free, count:N, not-display."""
    return any(one in {ALL_GPUS, FREE, NOT_DISPLAY} or COUNT.fullmatch(one) for one in wanted)


def named(gpu: Gpu) -> str:
    """Return a GPU's name in a sentence: GPU 0 (RTX 3060), or the GPU RTX 3060 if its driver does not list it."""
    if gpu.index < 0:
        return title(gpu)
    return f"GPU {gpu.index} ({gpu.name})"


def _by_kind(
    wanted: tuple[str, ...], seen: tuple[Gpu, ...], able: tuple[Gpu, ...], decisions: Decisions
) -> tuple[Gpu, ...]:
    """Return the GPUs for all, free, count:N and not-display, of those that can be used."""
    if not able:
        raise GpuError(f"no GPU of this machine can be used: {_why(seen)}", hint=_choose(able), issue=seen[0].issue)
    if NOT_DISPLAY in wanted:
        able = tuple(one for one in able if not one.has_display)
        if not able:
            raise GpuError(
                f"gpu.devices = {_listed(wanted)}: every GPU of this machine has a display: {_list(seen)}",
                hint='Set `gpu.devices = ["all"]`; `gpu.reserve` leaves memory of it to the desktop.',
                issue="gpu-devices-wrong",
            )
    able = separate(able)
    many = next((COUNT.fullmatch(one) for one in wanted if COUNT.fullmatch(one)), None)
    count = int(many[1]) if many else 1 if FREE in wanted else 0
    if count > len(able):
        raise GpuError(
            f"gpu.devices = {_listed(wanted)}: of the GPUs of this machine {len(able)} can be used: {_list(able)}",
            hint=_choose(able),
            issue="gpu-devices-wrong",
        )
    if not count:
        return able

    def freest() -> tuple[str, ...]:
        ranked = sorted(able, key=lambda one: -(one.free_mib + one.own_mib))  # of equal ones the first
        return tuple(one.uuid for one in ranked[:count])

    uuids = {one.uuid for one in able}
    chosen = decisions.decide(
        KEY, {"devices": list(wanted)}, freest, known=_are_texts, holds=lambda value: set(value) <= uuids
    )
    return tuple(one for one in able if one.uuid in chosen)


def _named(name: str, seen: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
    """Return the GPU of this name: its index, UUID or PCI address, or CDI's name with one of those; all for CDI's all.

    Return () if only the engine can know it, by CDI's name; raise GpuError if there is none.
    """
    plain = _plain(name)
    if plain == ALL_GPUS:
        return seen
    is_pci = _PCI.fullmatch(plain.lower())
    found = [
        one
        for one in seen
        if plain in {str(one.index), one.uuid} or (is_pci and one.pci and _ends_with(one.pci, plain.lower()))
    ]
    if not found and plain != name:
        return ()
    if not found:
        raise GpuError(
            f"gpu.devices: this machine has no GPU {name}, only {_list(seen)}",
            hint=_choose(seen),
            issue="gpu-devices-wrong",
        )
    return (found[0],)


def _ends_with(pci: str, address: str) -> bool:
    """Return whether two PCI addresses are the same; the domain, 0 by default, has four or eight digits."""
    ours, theirs = (f"0:{one}".split(":")[-3:] for one in (pci.lower(), address))
    return [int(ours[0], 16), *ours[1:]] == [int(theirs[0], 16), *theirs[1:]]


def _plain(name: str) -> str:
    """Return the part of a CDI device's full name that names the device: 0 of nvidia.com/gpu=0."""
    return name.rpartition("=")[2]


def _counted(gpus: Iterable[Gpu]) -> tuple[Gpu, ...]:
    """Return GPUs in the order in which a container's programs count them: by PCI address, as their driver does."""
    return tuple(sorted(gpus, key=lambda one: one.index))


def _refuse_twice(wanted: tuple[str, ...], gpus: list[Gpu]) -> None:
    if twice := [one for one in dict.fromkeys(gpus) if gpus.count(one) > 1]:
        raise GpuError(
            f"gpu.devices = {_listed(wanted)} names {named(twice[0])} more than once",
            hint="Name each GPU once.",
            issue="gpu-devices-wrong",
        )


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(one, str) for one in value)


def _listed(wanted: tuple[str, ...]) -> str:
    return json.dumps(list(wanted), ensure_ascii=False)


def _why(gpus: Iterable[Gpu]) -> str:
    return "; ".join(f"{named(one)}: {one.fault}" for one in gpus)


def _list(gpus: Iterable[Gpu]) -> str:
    return ", ".join(f"{named(one)}, {one.uuid}" if one.uuid else named(one) for one in gpus) or "none"


def _choose(able: tuple[Gpu, ...]) -> str:
    if not able:
        return "Run on the CPU with `stackctl deploy --gpu none` until its driver can use one."
    names = ", ".join(f'`["{one.index}"]`' for one in able)
    return f'Set `gpu.devices` to {names}, or `["all"]`.'
