"""The result of `models inspect` as text and as JSON."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stackctl.core.advice.inspection import About
    from stackctl.ui import Ui

_SHOWN_TYPES = 6


def inspected(about: "About", ui: "Ui") -> tuple[str, dict[str, Any]]:
    """Return a table of what is known, and which backends can load the model."""
    parts = f", {about.parts} parts" if about.parts > 1 else ""
    rows = [["", f"{about.format}{parts}, {about.size / 1e9:.2f} GB"]]
    rows += [row for row in _facts(about) if row[1]]
    lines = [ui.table([[about.name]]), ui.table(rows, has_head=False), ""]
    lines += [
        ui.text(f"{name} {f'can not load it: {why}' if why else 'can load it'}") for name, why in about.backends.items()
    ]
    if all(about.backends.values()) and about.format == "safetensors" and not about.purpose:
        lines.append("look for a GGUF of it under Quantizations on its page at Hugging Face")
    values = {**asdict(about), "types": {kind: {"tensors": n, "bytes": b} for kind, (n, b) in about.types.items()}}
    return "\n".join(lines), values


def _facts(about: "About") -> list[list[str]]:
    mix = ", ".join(f"{kind} {bytes_ / 1e9:.2f} GB" for kind, (_, bytes_) in list(about.types.items())[:_SHOWN_TYPES])
    bits = f", {about.bits:.2f} bits per weight" if about.bits else ""
    experts = f"{about.experts_used} of {about.experts}" if about.experts else ""
    template = ("in the model" if about.has_chat_template else "none") + (
        f"; SillyTavern's {about.template}" if about.template else ""
    )
    return [
        ["title", about.title],
        ["architecture", about.architecture],
        ["parameters", _count(about.parameters)],
        ["quantisation", f"{about.quantisation}{bits}"],
        ["tensors", mix],
        ["unknown types", ", ".join(about.unknown_types)],
        ["layers", str(about.layers or "")],
        ["heads", f"{about.heads}, {about.kv_heads} for keys and values" if about.heads else ""],
        ["context", _context(about)],
        ["sliding window", str(about.window or "")],
        ["experts", experts],
        ["vocabulary", f"{about.vocabulary} tokens" if about.vocabulary else ""],
        ["tokenizer", about.tokenizer],
        ["chat template", template if about.format != "PyTorch pickle" else ""],
        ["licence", about.licence],
        ["languages", ", ".join(about.languages)],
    ]


def _context(about: "About") -> str:
    if not about.context:
        return ""
    honest = f", reliable up to {about.good_context} ({about.context_source})" if about.good_context else ""
    return f"trained for {about.context} tokens{honest}"


def _count(parameters: int) -> str:
    return f"{parameters / 1e9:.2f} billion" if parameters >= 1e8 else str(parameters or "")
