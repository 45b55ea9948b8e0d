"""The result of `models fit` as text and as JSON."""

from typing import TYPE_CHECKING

from stackctl.core.plan.memory_plan import describe_context, describe_speed
from stackctl.report.context import more_context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stackctl.commands.models.fit import Fitted
    from stackctl.core.advice.suggestion import Suggestion
    from stackctl.core.fit import Memory
    from stackctl.core.fit.choice import Choice
    from stackctl.report.contract import models
    from stackctl.ui import Ui

_TERMS = ("weights", "kv_cache", "state", "compute", "output", "overhead", "total")
_WIDTH = 48  # characters of a bar
_LEFT = 7  # of the name before it


def fitted(done: "Fitted", ui: "Ui") -> "tuple[str, models.Fitted]":
    """Return a bar and a row per place, the verdict, and the alternatives."""
    choice = done.choice
    found, settings = choice.fit, choice.settings
    layers = f"{found.gpu_layers} of {found.blocks + 1} layers on the GPU" if found.devices else "on the CPU"
    experts = f", experts of {settings.cpu_experts} blocks in RAM" if settings.cpu_experts else ""
    head = f"{done.model.name}, context {settings.context}, KV cache {settings.kv_type}, {layers}{experts}"
    lines = [ui.text(head), "", *_bars(choice, ui), "", ui.table(_rows(choice)), "", *map(ui.text, _verdict(done))]
    if choice.alternatives:
        lines += ["", ui.table(_others(choice))]
    values: models.Fitted = {
        "version": 1,
        "model": done.model.name,
        "fits": choice.fits,
        "problems": list(choice.problems),
        "context": settings.context,
        "more_context": more_context(choice),
        "kv_cache": settings.kv_type,
        "gpu_layers": found.gpu_layers,
        "cpu_experts": settings.cpu_experts,
        "tokens_per_s": round(choice.tokens_per_s, 1),
        "full_tokens_per_s": round(choice.full_tokens_per_s, 1),
        "bandwidths": [
            {"place": name, "gb_per_s": round(one.gb_per_s, 1), "source": one.source} for name, one in choice.bandwidths
        ],
        "devices": [_terms(one) for one in found.devices],
        "host": _terms(found.host),
        "free_mib": {"devices": list(choice.room.gpus_mib), "host": choice.room.ram_mib},
        "alternatives": [
            {"change": one.change, "effect": one.effect, "saves_mib": one.saves_mib, "fits": one.fits}
            for one in choice.alternatives
        ],
    }
    return "\n".join(lines), values


def listed(rows: "Sequence[Suggestion]", ui: "Ui") -> "tuple[str, models.Quantisations]":
    """Return a row per quantisation of a repository: size, bits, whether it fits or how much is missing, speed."""
    table = [["quantisation", "GB", "bits", "context", "KV cache", "on the GPU", "", ""]]
    for one in rows:
        choice = one.choice
        layers = f"{choice.fit.gpu_layers} of {choice.fit.blocks + 1}" if choice.fit.devices else "-"
        verdict = "fits" if choice.fits else f"{choice.missing_mib / 1024:.1f} GiB too much"
        speed = choice.speed if choice.fits else ""
        settings = choice.settings
        size, bits = f"{one.size / 1e9:.2f}", f"{one.bits:.2f}"
        table.append([one.form, size, bits, str(settings.context), settings.kv_type, layers, verdict, speed])
    values: list[models.Quantisation] = [
        {
            "quantisation": one.label,
            "source": str(one.source),
            "size_bytes": one.size,
            "bits_per_weight": round(one.bits, 2),
            "context": one.context,
            "kv_cache": one.choice.settings.kv_type,
            "gpu_layers": one.choice.fit.gpu_layers,
            "fits": one.choice.fits,
            "missing_mib": round(one.choice.missing_mib, 2),
            "tokens_per_s": round(one.choice.tokens_per_s, 1),
        }
        for one in rows
    ]
    return ui.table(table), {"version": 1, "quantisations": values}


def _bars(choice: "Choice", ui: "Ui") -> list[str]:
    """Return a bar per place: what this model takes, what stays free, what others hold now."""
    room = choice.room
    totals = room.totals_mib or room.gpus_mib
    places = [
        (f"GPU {room.index(number)}", one.total_mib, free, total)
        for number, (one, free, total) in enumerate(zip(choice.fit.devices, room.gpus_mib, totals, strict=False))
    ]
    places.append(("RAM", choice.fit.host.total_mib, room.ram_mib, room.ram_total_mib or room.ram_mib))
    width = min(_WIDTH, (ui.columns or _WIDTH + _LEFT) - _LEFT)
    lines = []
    for name, taken, free, total in places:
        line, says = f"{name:5}  {_bar(taken, free, total, width)}", _says(taken, free, total)
        has_room = ui.columns is None or len(line) + 2 + len(says) <= ui.columns
        lines += [f"{line}  {says}"] if has_room else [line, ui.text(f"{'':{_LEFT}}{says}")]
    return [*lines, ui.text(f"{'':{_LEFT}}█ this model  ░ free  ▒ taken by others now")]


def _bar(taken: float, free: float, total: float, width: int) -> str:
    unit = max(total, taken, 1) / width
    mine = max(1, round(taken / unit)) if taken else 0
    others = min(width - min(mine, width), round(max(0.0, total - free) / unit))
    return "█" * min(mine, width) + "░" * max(0, width - mine - others) + "▒" * others


def _says(taken: float, free: float, total: float) -> str:
    return f"{taken / 1024:.1f} of {free / 1024:.1f} GiB free ({total / 1024:.1f} in all)"


def _rows(choice: "Choice") -> list[list[str]]:
    rows = [["MiB", *(term.replace("_", " ") for term in _TERMS)]]
    places = [(f"GPU {choice.room.index(number)}", one) for number, one in enumerate(choice.fit.devices)]
    for name, one in (*places, ("RAM", choice.fit.host)):
        rows.append([name, *(f"{getattr(one, f'{term}_mib'):.2f}" for term in _TERMS)])
    return rows


def _verdict(done: "Fitted") -> list[str]:
    choice = done.choice
    found = choice.fit
    lines = [f"fits: {choice.speed}" if choice.fits else f"does not fit: {'; '.join(choice.problems)}"]
    lines += [describe_context(choice), describe_speed(choice)]
    if not found.devices:
        lines.append(
            "On the CPU alone a model is about 15 times slower than on a GPU, most of all in reading the prompt."
        )
    elif found.gpu_layers <= found.blocks:
        lines.append("Layers in RAM run on the CPU: more layers on the GPU are faster, but save no RAM elsewhere.")
    if found.devices and choice.room.is_wsl:
        lines.append(
            "Under WSL the driver silently falls back to RAM when VRAM is full, which is 5 to 10 times slower, so "
            '1 GiB is kept free. The switch for this is "CUDA - Sysmem Fallback Policy" in the NVIDIA Control Panel.'
        )
    if done.is_rough:
        lines.append("This is an estimate: the loader's own overhead was measured by others, with one model of 13B.")
    if done.prompt_cache_mib:
        lines.append(f"Earlier prompts are cached in RAM: over time that takes up to {done.prompt_cache_mib} MiB more.")
    return lines


def _others(choice: "Choice") -> list[list[str]]:
    rows = [
        [one.change, one.effect, f"{one.saves_mib:.0f}", "fits" if one.fits else "does not fit"]
        for one in choice.alternatives
    ]
    return [["instead", "", "MiB less", ""], *rows]


def _terms(memory: "Memory") -> "models.Memory":
    return {
        "weights_mib": round(memory.weights_mib, 2),
        "kv_cache_mib": round(memory.kv_cache_mib, 2),
        "state_mib": round(memory.state_mib, 2),
        "compute_mib": round(memory.compute_mib, 2),
        "output_mib": round(memory.output_mib, 2),
        "overhead_mib": round(memory.overhead_mib, 2),
        "total_mib": round(memory.total_mib, 2),
    }
