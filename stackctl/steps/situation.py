"""All that a plan is made from, as one value: nothing is planned from one thing and run with another."""

from dataclasses import dataclass

from stackctl.core.config.lock import Lock
from stackctl.core.observed import Observed
from stackctl.core.plan.plan import Planned, plan
from stackctl.steps.config_request import ConfigRequest


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What is wanted, what was seen, and what is recorded."""

    wanted: ConfigRequest
    seen: Observed
    lock: Lock

    def plan(self) -> Planned:
        """The plan, and the lock as it is with what was decided for it."""
        return plan(self.wanted.spec, self.seen, self.lock)
