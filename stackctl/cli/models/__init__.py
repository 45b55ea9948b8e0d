"""Commands about model files, one module each: they need no stack."""

from stackctl.cli.models import can_load, fit, inspect, pull, recommend, search, stored, update
from stackctl.cli.models.group import models

__all__ = ["models"]

# the order of the help
_ORDER = (
    recommend.recommend, search.search, update.update, inspect.inspect, can_load.can_load, fit.fit,
    pull.pull, stored.list_, stored.verify, stored.remove,
)  # fmt: skip
models.commands = {str(command.name): command for command in _ORDER}
