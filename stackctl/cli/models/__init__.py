"""Commands about model files, one module each: they need no stack."""

from stackctl.cli.models import fit
from stackctl.cli.models.group import models

__all__ = ["models"]

# the order of the help
_ORDER = (fit.fit,)
models.commands = {str(command.name): command for command in _ORDER}
