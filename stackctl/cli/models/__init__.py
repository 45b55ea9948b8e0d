"""Commands about model files, one module each: they need no stack."""

from stackctl.cli.models import fit, inspect, kept, pull, recommend
from stackctl.cli.models.group import models

__all__ = ["models"]

# the order of the help
_ORDER = (recommend.recommend, inspect.inspect, fit.fit, pull.pull, kept.list_, kept.verify, kept.remove)
models.commands = {str(command.name): command for command in _ORDER}
