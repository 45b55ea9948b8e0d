"""The result of `models can-load` as text and as JSON."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stackctl.commands.models.can_load import Judged
    from stackctl.report.contract import models
    from stackctl.ui import Ui


def judged(done: "Judged", ui: "Ui") -> "tuple[str, models.CanLoad]":
    """Return a line for each backend in question."""
    about, header = done.about, done.about.header
    asked = {name: why for name, why in about.backends.items() if done.asked in {"", name}}
    lines = []
    for name, why in asked.items():
        build = f" ({done.builds[name]})" if done.builds[name] and not why else ""
        lines.append(ui.text(f"{name}{build} {f'can not load it: {why}' if why else 'can load it'}"))
    return "\n".join(lines), {
        "version": 1,
        "name": about.name,
        "loads": done.loads,
        "architecture": about.architecture or None,
        "tokenizer": header.tokenizer_kind or None,
        "pre_tokenizer": header.tokenizer or None,
        "types": list(about.types),
        "backends": {
            name: {"build": done.builds[name] or None, "loads": not why, "problem": why or None}
            for name, why in asked.items()
        },
    }
