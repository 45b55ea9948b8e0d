"""Look at the machines where the backend may run, and plan again with what they have."""

from dataclasses import replace

from stackctl.machine import Machine
from stackctl.steps.observe import observe
from stackctl.steps.situation import Phase, plan_phase


def surveyed(phase: Phase, machine: Machine) -> Phase:
    """Return the phase, planned again if a look at the machines found what was not known before.

    Raises EngineError if no machine can run the backend.
    """
    if not machine.orchestrator.survey(phase.plan):
        return phase
    now, coming = phase.now, phase.pending.model if phase.pending else None
    observed = observe(now.wanted.spec, machine, now.lock, coming)
    observed = replace(observed, patience_s=now.observed.patience_s)
    return plan_phase(replace(now, observed=observed), machine, phase.pending)
