"""All inputs of a plan as one value, so that nothing is planned from one input and run with another."""

from dataclasses import dataclass, replace

from stackctl.core.config.lock import Lock
from stackctl.core.observed import Observed
from stackctl.core.plan.plan import Planned, plan
from stackctl.core.plan.stack import Plan
from stackctl.machine import Machine
from stackctl.steps.config_request import ConfigRequest
from stackctl.steps.stack_model import PendingModel


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What is wanted, what was observed, and what is recorded."""

    wanted: ConfigRequest
    observed: Observed
    lock: Lock


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One stack on the way to the wanted one, planned and rendered once.

    `text`: the content of the orchestrator's file. `pending`: the model, if it has yet to be pulled.
    """

    now: Situation
    planned: Planned
    text: str
    pending: PendingModel | None = None

    @property
    def plan(self) -> Plan:
        return self.planned.plan


def plan_phase(now: Situation, machine: Machine, pending: PendingModel | None = None) -> Phase:
    """Plan and render a situation; raise the error if the settings, the machine or the model do not allow it."""
    planned = plan(now.wanted.spec, now.observed, now.lock)
    text = machine.orchestrator.files(planned.plan)[machine.orchestrator.file]
    return Phase(now=now, planned=planned, text=text, pending=pending)


def with_lock(phase: Phase, lock: Lock, machine: Machine) -> Phase:
    """Return the phase with another lock; plan again only if the lock's decisions differ."""
    now = replace(phase.now, lock=lock)
    planned = phase.planned.lock
    if (lock.decisions, lock.digests) == (planned.decisions, planned.digests):
        return replace(phase, now=now, planned=replace(phase.planned, lock=lock))
    return plan_phase(now, machine, phase.pending)
