"""The stack's plan as stack.toml has it, for commands that only look: nothing is written."""

from stackctl.core.plan.plan import plan
from stackctl.core.plan.stack import Plan
from stackctl.machine import Machine
from stackctl.steps import stack_model
from stackctl.steps.config_request import read_lock
from stackctl.steps.first_model import request_to_render
from stackctl.steps.observe import observe


def planned_here(machine: Machine, *, pulls: bool = False) -> tuple[Plan, Machine]:
    """Return the plan, and the machine with the orchestrator that stack.toml names.

    pulls: fetch the model first if it has yet to be pulled; else its header alone is read, from its source.
    """
    wanted = request_to_render(machine, {})
    machine = machine.run_by(wanted.spec.target, wanted.spec)
    lock = read_lock(machine)
    coming = stack_model.pending_model(wanted.spec, machine, lock)
    if coming and pulls:
        lock, coming = stack_model.download(coming, machine, lock), None
    seen = observe(wanted.spec, machine, lock, coming.model if coming else None)
    return plan(wanted.spec, seen, lock).plan, machine
