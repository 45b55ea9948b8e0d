"""Model files on this machine: found, resolved, read as far as planning needs."""

from stackctl.effects.models.look import observe_model

__all__ = ["observe_model"]
