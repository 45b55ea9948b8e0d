"""Model files on this machine: found, resolved, read as far as planning needs."""

from stackctl.effects.models.look import look

__all__ = ["look"]
