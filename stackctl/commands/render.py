"""`stackctl render`: compose.yml without an engine."""

from collections.abc import Mapping
from contextlib import nullcontext

from stackctl.commands import keys
from stackctl.commands.first_model import wish_to_render
from stackctl.commands.look import look_without_engine
from stackctl.commands.private_folders import keep_out_of_git
from stackctl.commands.wish import recorded, write
from stackctl.core import render as rendering
from stackctl.core.plan.plan import forget_decisions, plan
from stackctl.machine import Machine


def render(machine: Machine, flags: Mapping[str, object], *, to_stdout: bool, absolute: bool, replan: bool) -> str:
    """Return the text; written to compose.yml as well unless it goes to stdout."""
    with nullcontext() if to_stdout else machine.folder.locked(machine.ui.note):
        wanted = wish_to_render(machine, flags)
        lock = recorded(machine)
        seen = look_without_engine(wanted.spec, machine, lock)
        planned = plan(wanted.spec, seen, forget_decisions(lock) if replan else lock)
        if to_stdout:
            return rendering.render(planned.plan, machine.template, folder=machine.place if absolute else None)
        from stackctl.commands.deploy import write_stack  # with all that a deploy needs; printing does without

        write(machine, wanted)
        keep_out_of_git(machine, wanted.spec, planned.plan)
        keys.keep(machine, seen.key)
        for note in planned.plan.notes:
            machine.ui.note(f"note: {note}")
        return write_stack(planned, machine, replan=replan, absolute=absolute)
