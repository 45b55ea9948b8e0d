"""Compares the memory that a backend reports with the plan."""

from collections.abc import Iterable

from stackctl.backends.contract import Buffer
from stackctl.core.fit import Fit

_SHARE, _LEAST_MIB = 0.1, 256.0


def difference(planned: Fit, buffers: Iterable[Buffer]) -> str:
    """Return a sentence about places that hold much more or less than planned; "" if none does, or nothing was logged.

    Weights in RAM are left out: they are mapped from the file, and repacked for the processor.
    """
    told = tuple(buffers)
    if not told:
        return ""
    places = [("on the GPU", _on_gpus(planned), [one for one in told if one.device])] if planned.devices else []
    in_ram = [one for one in told if not one.device and one.term != "weights"]
    host = planned.host
    places.append(("in RAM, weights left out", host.kv_cache_mib + host.state_mib + host.compute_mib, in_ram))
    words = []
    for place, expected, found in places:
        total = sum(one.mib for one in found)
        if found and abs(total - expected) > max(_LEAST_MIB, _SHARE * expected):
            words.append(f"{place} {total:.0f} MiB instead of {expected:.0f}")
    return f"the backend reserved other than planned: {'; '.join(words)}" if words else ""


def _on_gpus(planned: Fit) -> float:
    return sum(one.total_mib - one.overhead_mib for one in planned.devices)
