"""Find model files on this machine, resolve their paths, and read them as far as planning needs."""

from stackctl.effects.models.look import observe_model

__all__ = ["observe_model"]
