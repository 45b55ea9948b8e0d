"""Commands about model files, one module each: they need no stack."""

from stackctl.cli.models import fit, inspect, pull, recommend, stored
from stackctl.cli.models.group import models

__all__ = ["models"]

# the order of the help
_ORDER = (recommend.recommend, inspect.inspect, fit.fit, pull.pull, stored.list_, stored.verify, stored.remove)
models.commands = {str(command.name): command for command in _ORDER}
