"""`gpu` as text and as JSON."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from stackctl.core.formats.version import dotted
from stackctl.report.trouble import trouble_text

if TYPE_CHECKING:
    from stackctl.commands.gpu import GpuLook
    from stackctl.contracts.host import Gpu, GpuReading
    from stackctl.core.gpu.layers import LayerVerdict
    from stackctl.report.contract import gpu as contract
    from stackctl.ui import Ui

_MOST_HOLDERS = 32  # of one GPU
_BELOW = "see below"  # of a fault, which stands under the table with its hint
_LONGEST_NAME = 200  # of a program, which has chosen it itself


def gpu(found: "GpuLook", ui: "Ui") -> "tuple[str, contract.Look]":
    """Return the GPUs with what they do, the verdict on each layer, and last what repairs the first fault."""
    readings = {one.uuid: one for one in found.readings}
    blocks = [_gpu_text(one, readings.get(one.uuid), ui) for one in found.gpus]
    if not blocks and found.layers[0].state != "fails":
        blocks = ["no GPU is known on this machine"]
    fault = found.fault
    rows = [
        (one.layer, one.state, _BELOW if fault and one.says == fault.says else ui.text(one.says))
        for one in found.layers
    ]
    blocks += ["\n".join(map(ui.text, found.surroundings))] if found.surroundings else []
    blocks.append(ui.table([("LAYER", "STATE", "SEEN"), *rows]))
    if fault:
        says = ui.text(f"the {fault.layer} fails: {fault.says}")
        says = "\n".join([says, *map(ui.text, fault.evidence)])
        blocks.append(trouble_text(says, fault.hint, fault.issue))
    return "\n\n".join(blocks), _values(found)


def _gpu_text(gpu: "Gpu", reading: "GpuReading | None", ui: "Ui") -> str:
    title = f"GPU {gpu.index}: {gpu.name}" if gpu.index >= 0 else gpu.name
    rows = [(name, ui.text(says)) for name, says in _facts(gpu, reading) if says]
    return "\n".join([ui.text(title), ui.table(rows, has_head=False)] if rows else [ui.text(title)])


def _facts(gpu: "Gpu", reading: "GpuReading | None") -> Iterator[tuple[str, str]]:
    """Give what there is to say of a GPU: a name and a text, which is "" if it is unknown."""
    if gpu.fault:
        yield "problem", gpu.fault
    total, free = (reading.total_mib, reading.free_mib) if reading else (gpu.total_mib, gpu.free_mib)
    yield "memory", "shared with the machine" if gpu.is_unified else f"{free} of {total} MiB free" if total else ""
    yield "driver", gpu.driver and f"{gpu.driver}{f', CUDA {dotted(gpu.cuda)}' if gpu.cuda else ''}"
    yield "kind", f"compute capability {dotted(gpu.compute)}" if gpu.compute else gpu.architecture
    yield "uuid", gpu.uuid
    yield "address", gpu.pci
    yield "display", "a screen is on it" if gpu.has_display else ""
    if reading is None:
        return
    yield "power", "off until a program uses it" if reading.is_suspended else _power(reading)
    yield "busy", "" if reading.utilisation is None else f"{reading.utilisation} %"
    yield "temperature", "" if reading.temperature_c is None else f"{reading.temperature_c} C"
    yield "slowed by", ", ".join(reading.throttled)
    for holder in reading.holders[:_MOST_HOLDERS]:
        size = f", {holder.mib} MiB" if holder.mib else ""
        yield "held by", f"{holder.name[:_LONGEST_NAME] or 'a program'} (process {holder.pid}{size})"


def _power(reading: "GpuReading") -> str:
    if reading.power_w is None:
        return ""
    limit = f" of {reading.power_limit_w:.0f} W" if reading.power_limit_w is not None else ""
    return f"{reading.power_w:.0f} W{limit}"


def _values(found: "GpuLook") -> "contract.Look":
    readings = {one.uuid: one for one in found.readings}
    engine = found.engine
    return {
        "version": 1,
        "gpus": [_gpu_values(one, readings.get(one.uuid)) for one in found.gpus],
        "engine": {
            "name": engine.product,
            "version": dotted(engine.version),
            "runtimes": list(engine.runtimes),
            "cdi_devices": list(engine.cdi_devices),
        }
        if engine
        else None,
        "surroundings": list(found.surroundings),
        "layers": [_layer(one) for one in found.layers],
        "fault": found.fault.layer if found.fault else None,
        "exit_code": found.exit_code,
    }


def _layer(one: "LayerVerdict") -> "contract.LayerVerdict":
    return {
        "layer": one.layer,
        "state": "not_tried" if one.state == "not tried" else one.state,
        "message": one.says,
        "hint": one.hint or None,
        "issue": one.issue or None,
        "evidence": list(one.evidence),
    }


def _gpu_values(gpu: "Gpu", reading: "GpuReading | None") -> "contract.Gpu":
    total, free = (reading.total_mib, reading.free_mib) if reading else (gpu.total_mib, gpu.free_mib)
    return {
        "make": gpu.make,
        "index": gpu.index if gpu.index >= 0 else None,
        "uuid": gpu.uuid or None,
        "name": gpu.name,
        "pci": gpu.pci or None,
        "driver": gpu.driver or None,
        "cuda": dotted(gpu.cuda) or None,
        "compute": dotted(gpu.compute) or None,
        "architecture": gpu.architecture or None,
        "total_mib": total or None,
        "free_mib": free if total else None,
        "gb_per_s": gpu.gb_per_s or None,
        "shares_ram": gpu.is_unified,
        "has_display": gpu.has_display,
        "suspended": bool(reading and reading.is_suspended),
        "utilisation_percent": reading.utilisation if reading else None,
        "temperature_c": reading.temperature_c if reading else None,
        "power_w": reading.power_w if reading else None,
        "power_limit_w": reading.power_limit_w if reading else None,
        "throttled": list(reading.throttled) if reading else [],
        "processes": [
            {"pid": one.pid, "name": one.name[:_LONGEST_NAME] or None, "mib": one.mib or None}
            for one in (reading.holders[:_MOST_HOLDERS] if reading else ())
        ],
        "problem": gpu.fault or None,
        "hint": gpu.fix or None,
        "issue": gpu.issue or None,
    }
