"""`models fit` as words and as JSON."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stackctl.commands.models.fit import Fitted
    from stackctl.core.fit import Memory
    from stackctl.ui import Ui

_TERMS = ("weights", "kv_cache", "state", "compute", "output", "overhead", "total")


def fitted(done: "Fitted", ui: "Ui") -> tuple[str, dict[str, Any]]:
    """A table with a row per place, and the verdict."""
    found = done.fit
    places = [(f"GPU {number}", one, done.free_mib[number]) for number, one in enumerate(found.devices)]
    rows = [["MiB", *(term.replace("_", " ") for term in _TERMS), "free now"]]
    for name, one, free in (*places, ("RAM", found.host, done.free_ram_mib)):
        rows.append([name, *(f"{_terms(one)[f'{term}_mib']:.2f}" for term in _TERMS), str(free)])
    settings = found.settings
    layers = f"{found.gpu_layers} of {found.blocks + 1} layers on the GPU" if found.devices else "on the CPU"
    lines = [
        f"{done.model.name}, context {settings.context}, KV cache {settings.kv_type}, {layers}",
        ui.table(rows),
        "fits" if done.fits else "does not fit",
    ]
    values = {
        "devices": [_terms(one) for one in found.devices],
        "host": _terms(found.host),
        "fits": done.fits,
        "gpu_layers": found.gpu_layers,
        "context": settings.context,
        "alternatives": [],
    }
    return "\n".join(lines), values


def _terms(memory: "Memory") -> dict[str, float]:
    return {f"{term}_mib": round(getattr(memory, f"{term}_mib"), 2) for term in _TERMS}
