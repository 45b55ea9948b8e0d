"""The result of `models inspect` as text and as JSON."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stackctl.core.advice.inspection import About
    from stackctl.report.contract import models
    from stackctl.ui import Ui

_SHOWN_TYPES = 6


def inspected(about: "About", ui: "Ui") -> "tuple[str, models.Inspected]":
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
    return "\n".join(lines), _values(about)


def _values(about: "About") -> "models.Inspected":
    """Return the same as JSON: null where the model's files do not say."""
    return {
        "version": 1,
        "name": about.name,
        "format": about.format,
        "size_bytes": about.size,
        "parts": about.parts,
        "title": about.title or None,
        "architecture": about.architecture or None,
        "parameters": about.parameters or None,
        "quantisation": about.quantisation or None,
        "bits_per_weight": round(about.bits, 3) or None,
        "types": {kind: {"tensors": number, "size_bytes": size} for kind, (number, size) in about.types.items()},
        "unknown_types": list(about.unknown_types),
        "layers": about.layers or None,
        "heads": about.heads or None,
        "kv_heads": about.kv_heads or None,
        "embedding": about.embedding or None,
        "context": about.context or None,
        "good_context": about.good_context or None,
        "context_source": about.context_source or None,
        "window": about.window or None,
        "experts": about.experts or None,
        "experts_used": about.experts_used or None,
        "vocabulary": about.vocabulary or None,
        "tokenizer": about.tokenizer or None,
        "has_chat_template": about.has_chat_template,
        "prompt_template": about.template or None,
        "problem": about.purpose or None,
        "licence": about.licence or None,
        "languages": list(about.languages),
        "backends": {name: {"loads": not why, "problem": why or None} for name, why in about.backends.items()},
    }


def _facts(about: "About") -> list[list[str]]:
    mix = ", ".join(f"{kind} {bytes_ / 1e9:.2f} GB" for kind, (_, bytes_) in list(about.types.items())[:_SHOWN_TYPES])
    bits = f", {about.bits:.2f} bits per weight" if about.bits else ""
    experts = f"{about.experts_used} of {about.experts}" if about.experts else ""
    template = ("in the model" if about.has_chat_template else "none") + (
        f"; {about.template_says}" if about.template_says else ""
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
