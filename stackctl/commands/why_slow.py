"""`stackctl why-slow`: where the time of the last replies went, and what would make them faster."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from stackctl.core.slow.explain import Explanation, explain
from stackctl.core.slow.observation import Observation
from stackctl.machine import Machine
from stackctl.steps.deployed import deployed_plan
from stackctl.steps.own_name import refuse_foreign
from stackctl.steps.slow.look import look


@dataclass(frozen=True, kw_only=True)
class WhySlow:
    """What was seen of a stack, and what it means."""

    name: str  # of the stack
    backend: str
    model: str
    seen: Observation
    found: Explanation


def why_slow(machine: Machine, *, measures: bool = False, sleep: Callable[[float], None] = time.sleep) -> WhySlow:
    """Look, and explain. measures: ask for one reply first; else nothing is asked of the backend, and it sleeps on."""
    with machine.docker.loading():
        plan = deployed_plan(machine)
    refuse_foreign(plan.name, machine)
    seen = look(plan, machine, measures=measures, sleep=sleep)
    return WhySlow(name=plan.name, backend=plan.backend_title, model=plan.model_name, seen=seen, found=explain(seen))
