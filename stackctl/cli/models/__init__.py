"""Commands about model files, one module each: they need no stack."""

from stackctl.cli.models.group import models

__all__ = ["models"]
