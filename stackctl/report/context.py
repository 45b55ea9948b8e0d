"""The context that a plan gives, as JSON."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stackctl.core.fit.choice import Choice
    from stackctl.report.contract import models


def more_context(choice: "Choice | None") -> "models.MoreContext | None":
    """Return what a larger context takes; None if that is unknown, or the model has no more."""
    more = choice and choice.more_context
    if not choice or not more:
        return None
    return {
        "usable": choice.usable or None,
        "context": more.fit.settings.context,
        "takes_mib": round(-more.saves_mib, 2),
        "fits": more.fits,
    }
