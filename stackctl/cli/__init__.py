"""The command line: help, and one call per command. A module here holds the commands of one kind."""

from stackctl.cli import (
    adopting,
    checking,
    chosen,
    completion,
    doctoring,
    explaining,
    images,
    manual,
    planning,
    running,
    setting_up,
    slow,
    uninstalling,
)
from stackctl.cli.models import models
from stackctl.cli.root import main

__all__ = ["main"]

# the order of the help: that of a stack's life
_ORDER = (
    planning.deploy,
    planning.render,
    planning.diff,
    chosen.use,
    models,
    checking.smoke,
    doctoring.doctor,
    setting_up.setup,
    running.status,
    running.ls,
    running.url,
    running.open_,
    running.logs,
    explaining.explain,
    running.gpu,
    slow.why_slow,
    running.history,
    running.nodes,
    running.free,
    running.stop,
    running.start,
    running.restart,
    running.down,
    planning.init,
    adopting.adopt,
    chosen.import_,
    planning.schema,
    images.images,
    uninstalling.uninstall,
    completion.completion,
    manual.help_,
)
main.commands = {str(command.name): command for command in _ORDER}
