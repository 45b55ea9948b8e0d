"""The history of a stack as a table and as JSON."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stackctl.commands.history import Past
    from stackctl.ui import Ui


def history(found: "tuple[Past, ...]", ui: "Ui") -> tuple[str, list[dict[str, Any]]]:
    """Return one row per deploy, the newest first."""
    values = [_values(one) for one in found]
    if not found:
        return "no deploy is recorded in this folder yet", values
    rows = [("N", "WHEN", "STACKCTL", "BACKEND", "MODEL", "CONTEXT", "TOKENS/S", "CHANGED"), *map(_row, found)]
    return ui.table(rows), values


def _row(past: "Past") -> tuple[str, ...]:
    one, changes = past.record, past.changes
    speed = "-" if one.tokens_per_s is None else f"{one.tokens_per_s:.1f}"
    changed = "-" if changes is None else ", ".join(changes) or "nothing"
    return str(past.number), one.time, one.stackctl, one.backend, one.model or "-", str(one.context), speed, changed


def _values(past: "Past") -> dict[str, Any]:
    from dataclasses import asdict

    values = {"number": past.number, **asdict(past.record)}
    figures = {key: values.pop(key) for key in ("ready_s", "first_token_s", "tokens_per_s")}
    return {**values, "proof": figures, "changes": None if past.changes is None else list(past.changes)}
