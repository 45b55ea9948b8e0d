"""NVIDIA GPUs, by NVML: what they are, what they do now, and why one can't be used.

A separate process asks the driver (driver_process.py), and only where the driver's library is installed.
"""

import re
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from stackctl.contracts.host import Card, Gpu, GpuHolder, GpuReading
from stackctl.core.gpu.unusable import unusable_error
from stackctl.effects.gpu import pci_cards
from stackctl.effects.gpu.attributes import as_name
from stackctl.effects.gpu.driver_process import FIRST_S, NEXT_S, SHOWN_S, DriverProcess
from stackctl.effects.gpu.driver_state import PLACES, driver_state, library
from stackctl.errors import GpuError
from stackctl.gpus.nvidia_faults import GIVEN_AWAY, NO_LIBRARY, NOT_LOADED, Fault, explain, missing_file

_MAKE: Final = "nvidia"
# NVML's bits of nvmlClocksEventReasons (nvml.h) that mean a GPU slower than it could be
_THROTTLED: Final = MappingProxyType(
    {
        0x4: "power limit",
        0x8: "hardware slowdown",
        0x20: "temperature",
        0x40: "temperature",
        0x80: "power supply",
        0x200: "board limit",
        0x400: "voltage limit",
    }
)
_ADDRESS: Final = re.compile(r"([0-9a-f]{4,8}):([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])")
_WAITS: Final = "waiting for the NVIDIA driver, which starts its GPUs or hangs"
_REST_S: Final = 30.0  # how long a GPU that no program uses and that may sleep is left alone between two readings


class Nvidia:
    """The port `Gpus` for NVIDIA's. `family`: returns the ids of a container's processes, from the id of its first.

    root: where the system's files are. places: of the driver's library. patience_s: how long the driver may take for
    its first answer, for others, and for those that are only shown. note: tells that a slow one is waited for.
    """

    def __init__(
        self,
        family: Callable[[int], Iterable[int]],
        *,
        root: Path = Path("/"),
        places: tuple[str, ...] = PLACES,
        patience_s: tuple[float, float, float] = (FIRST_S, NEXT_S, SHOWN_S),
        note: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._family, self._root, self._places = family, root, places
        self._patience_s, self._note, self._clock = patience_s, note, clock
        self._process: DriverProcess | None = None
        self._last: dict[str, tuple[float, GpuReading]] = {}  # by PCI address, and when it was read

    def list(self, *, waits: bool = True, within_s: float | None = None) -> tuple[Gpu, ...]:
        """Return every NVIDIA GPU, those that can't be used with their fault; () if there is none.

        waits: for a driver that takes long to start its GPUs; within_s: how long it may take if it is not waited for.
        """
        answer, cards = self._ask(None, is_shown=not waits, within_s=within_s), self._own_cards()
        seen = driver_state(self._root, has_library=self._process is not None)
        if error := answer["error"]:
            if not cards and (error == NO_LIBRARY or (error == NOT_LOADED and not seen.is_wsl)):
                return ()
            hidden = (Card(vendor=_MAKE, pci="", driver=_MAKE),)  # WSL and some boards have no PCI bus
            return tuple(_unusable(one, explain(error, seen, one.driver)) for one in cards or hidden)
        bound = tuple(one for one in cards if one.driver == _MAKE)
        found = []
        for one in answer["gpus"]:
            # the driver counts its GPUs by their addresses
            card = bound[one["index"]] if len(bound) == len(answer["gpus"]) else Card(vendor=_MAKE, pci="")
            found.append(_gpu(one, answer, card, explain(one["error"], seen) if one["error"] else missing_file(seen)))
        known = {gpu.pci for gpu in found}
        others = () if "" in known else tuple(one for one in cards if one.pci not in known)
        return (*found, *(_unusable(one, explain(NOT_LOADED, seen, one.driver)) for one in others))

    def cards(self) -> tuple[Card, ...]:
        return pci_cards.cards(self._root / "sys")

    def read(self, *, wakes: bool = True) -> tuple[GpuReading, ...]:
        """Return what each GPU does now; () without a driver. Raise GpuError if it answers for none of them.

        One that sleeps is not asked, and one that could sleep is asked rarely, unless it `wakes`.
        """
        return self._read(None if wakes else self._rest, is_shown=True)

    def _read(self, spared: Callable[[Card], GpuReading | None] | None, *, is_shown: bool) -> tuple[GpuReading, ...]:
        """Return the readings. spared: returns what is known of a card that is not asked now; None: ask all."""
        cards = tuple(one for one in self._own_cards() if one.driver == _MAKE) if spared else ()
        if not cards or not spared:
            return tuple(map(self._reading, self._answers(None, is_shown=is_shown)))
        rested = {one.pci: spared(one) for one in cards}
        asked = [pci for pci, reading in rested.items() if reading is None]
        new = map(self._reading, self._answers(asked, is_shown=is_shown)) if asked else ()
        by_address = {**rested, **{one.pci: one for one in new}}
        return tuple(found for found in by_address.values() if found)

    def held(self, container: int) -> dict[str, int]:
        """Return a GPU's UUID -> the MiB that a container's processes hold on it; {} if the driver does not tell (WSL).

        container: the id of its first process.
        """
        readings: tuple[GpuReading, ...] = ()
        with suppress(GpuError):
            readings = self._read(self._asleep, is_shown=False)  # none that sleeps is held
        own = set(self._family(container)) if readings else set()
        held = {one.uuid: sum(holder.mib for holder in one.holders if holder.pid in own) for one in readings}
        return {uuid: mib for uuid, mib in held.items() if mib}

    def _answers(self, pci: Sequence[str] | None, *, is_shown: bool) -> tuple[dict[str, Any], ...]:
        """Return the answers of the GPUs that answer; () without a driver. Raise GpuError if there are others only."""
        answer = self._ask(pci, is_shown=is_shown)
        found = answer.get("gpus", [])
        able = tuple(one for one in found if not one["error"])
        error = answer["error"] or next((one["error"] for one in found), 0)
        if error and not able and error not in {NO_LIBRARY, NOT_LOADED}:
            seen = driver_state(self._root, has_library=True)
            raise unusable_error(_unusable(Card(vendor=_MAKE, pci=""), explain(error, seen)), "")
        return able

    def _ask(self, pci: Sequence[str] | None, *, is_shown: bool, within_s: float | None = None) -> dict[str, Any]:
        if self._process is None:
            if not (path := library(self._places)):
                return {"error": NO_LIBRARY}
            first_s, next_s, shown_s = self._patience_s
            self._process = DriverProcess(
                path, first_s=first_s, next_s=next_s, shown_s=shown_s, waits=lambda: self._note(_WAITS)
            )
        return self._process.ask({"pci": pci and list(pci)}, is_shown=is_shown, within_s=within_s)

    def _own_cards(self) -> tuple[Card, ...]:
        """Return NVIDIA's cards of this machine, without those that it keeps for virtual machines."""
        return tuple(one for one in self.cards() if one.vendor == _MAKE and one.driver not in GIVEN_AWAY)

    def _reading(self, one: dict[str, Any]) -> GpuReading:
        found = _as_reading(one)
        self._last[found.pci] = self._clock(), found
        return found

    def _asleep(self, card: Card) -> GpuReading | None:
        """Return the reading of a GPU that sleeps; None if it is awake."""
        if not card.is_suspended:
            return None
        _, last = self._last.get(card.pci, (0.0, None))
        uuid, name, total = (last.uuid, last.name, last.total_mib) if last else ("", _title(card), 0)
        return GpuReading(uuid=uuid, name=name, total_mib=total, free_mib=total, is_suspended=True, pci=card.pci)

    def _rest(self, card: Card) -> GpuReading | None:
        """Return the reading of a GPU that sleeps, or its last one if it could fall asleep; None if it may be asked."""
        at, last = self._last.get(card.pci, (0.0, None))
        is_idle = card.may_suspend and last is not None and not last.holders and self._clock() - at < _REST_S
        return self._asleep(card) or (last if is_idle else None)


def _gpu(one: dict[str, Any], answer: dict[str, Any], card: Card, fault: Fault | None) -> Gpu:
    """Return a GPU; one that has a fault may have no more than its card tells."""
    total, free = one.get("memory") or (0, 0)
    cuda = answer["cuda"]  # 12040: 12.4; none from a driver from before 2018
    return Gpu(
        index=one["index"],
        uuid=as_name(one.get("uuid", "")),
        name=as_name(one.get("name") or _title(card)),
        total_mib=total >> 20,
        free_mib=min(free, total) >> 20,
        cuda=(cuda // 1000, cuda % 1000 // 10) if cuda else (),
        gb_per_s=bandwidth(one.get("bits") or 0, one.get("mhz") or 0),
        pci=_address(one.get("pci", "")) or card.pci,
        driver=as_name(answer["driver"] or ""),
        compute=tuple(one.get("compute") or ()),
        has_display=any(one.get("display", ())),
        is_unified="memory" in one and one["memory"] is None,
        fault=fault.says if fault else "",
        fix=fault.fix if fault else "",
        issue=fault.issue if fault else "",
    )


def _unusable(card: Card, fault: Fault) -> Gpu:
    """Return a GPU that the driver does not list."""
    return Gpu(
        index=-1,
        uuid="",
        name=as_name(_title(card)),
        total_mib=0,
        free_mib=0,
        pci=card.pci,
        fault=fault.says,
        fix=fault.fix,
        issue=fault.issue,
    )


def _title(card: Card) -> str:
    return f"NVIDIA {card.name or 'GPU'}"


def _as_reading(one: dict[str, Any]) -> GpuReading:
    total, free = one["memory"] or (0, 0)
    reasons = one["throttled"] or 0
    return GpuReading(
        uuid=as_name(one["uuid"]),
        name=as_name(one["name"] or ""),
        pci=_address(one["pci"]),
        total_mib=total >> 20,
        free_mib=min(free, total) >> 20,
        utilisation=one["utilisation"],
        temperature_c=one["temperature"],
        power_w=_watts(one["power"]),
        power_limit_w=_watts(one["power_limit"]),
        throttled=tuple(dict.fromkeys(words for bit, words in _THROTTLED.items() if reasons & bit)),
        holders=tuple(GpuHolder(pid=pid, name=as_name(name), mib=held >> 20) for pid, name, held in one["holders"]),
    )


def bandwidth(bits: int, mhz: int) -> float:
    """Return GB/s by the width of the memory's bus and NVML's clock, which is half the data rate for HBM and GDDR."""
    return round(bits / 8 * mhz * 2 / 1000, 1)


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else round(milliwatts / 1000, 1)


def _address(pci: str) -> str:
    """Return an address of NVML (00000000:65:00.0) as the kernel writes it; "" for anything else."""
    found = _ADDRESS.fullmatch(pci.lower())
    return f"{int(found[1], 16):04x}:{found[2]}" if found else ""
