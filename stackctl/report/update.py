"""The result of `models update`, as text and as JSON."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stackctl.commands.models.update import Updated
    from stackctl.report.contract import models


def updated(done: "Updated") -> "tuple[str, models.Updated]":
    """Return which catalogue is in use now."""
    found = done.catalogue
    text = (
        f"the catalogue in use is of {found.date} now, and has {len(found.entries)} models (before: {done.former_date})"
        if done.is_new
        else f"the catalogue in use, of {found.date}, is already the newest"
    )
    if found.unknown:
        text += f"\n{found.unknown} more are for a newer stackctl, which knows their architectures"
    return text, {
        "version": 1,
        "updated": done.is_new,
        "catalogue_date": found.date,
        "former_date": done.former_date,
        "models": len(found.entries),
        "unknown_models": found.unknown,
        "source": done.where,
    }
