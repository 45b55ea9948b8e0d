"""`stackctl render`: compose.yml without an engine."""

from collections.abc import Mapping

from stackctl.commands.look import look_without_engine
from stackctl.commands.wish import recorded, wish, write
from stackctl.core import render as rendering
from stackctl.core.plan import plan
from stackctl.machine import Machine


def render(machine: Machine, flags: Mapping[str, object], *, to_stdout: bool, absolute: bool, replan: bool) -> str:
    """Return the text; written to compose.yml as well unless it goes to stdout."""
    wanted = wish(machine, flags)
    lock = recorded(machine)
    planned = plan(wanted.spec, look_without_engine(wanted.spec, machine, lock), lock, replan=replan)
    folder = machine.place if absolute else None
    if to_stdout:
        return rendering.render(planned.plan, machine.template, folder=folder)
    from stackctl.commands.deploy import write_stack  # with all that a deploy needs; printing does without

    with machine.folder.locked(machine.ui.note):
        write(machine, wanted)
        return write_stack(planned, machine, replan=replan, absolute=absolute)
