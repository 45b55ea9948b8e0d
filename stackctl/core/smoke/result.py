"""Smoke: what is checked, what came out, and what of it decides the exit code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from stackctl.core.smoke.checks import CHECKS, Check
from stackctl.core.smoke.reachability import Route
from stackctl.errors import ConfigError, StackctlError


class NotApplicable(Exception):
    """Raised by a check that does not apply to this stack; its text is the reason."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a check came to. `says`: what was seen, or why it did not run; `seconds`: what it took."""

    name: str
    status: Literal["passed", "failed", "not run"]
    says: str = ""
    error: StackctlError | None = None  # of one that failed
    seconds: float = 0.0
    blocked_by: str = ""  # the failed check that kept it from running


@dataclass(frozen=True, kw_only=True)
class Smoked:
    """A whole run."""

    name: str  # of the stack
    url: str
    outcomes: tuple[Outcome, ...]
    ways: tuple[Route, ...] = ()  # what is reachable from where
    measures: Mapping[str, float] = field(default_factory=dict)

    @property
    def failed(self) -> tuple[Outcome, ...]:
        return tuple(one for one in self.outcomes if one.status == "failed")

    @property
    def exit_code(self) -> int:
        """0, or that of the most fundamental failure."""
        return next((one.error.exit_code for one in self.failed if one.error), 0)

    @property
    def seconds(self) -> float:
        return sum(one.seconds for one in self.outcomes)


def choose_checks(only: Sequence[str]) -> tuple[Check, ...]:
    """The checks of these names, all without one, in their order; raise ConfigError for a name that none has."""
    names = [check.name for check in CHECKS]
    if wrong := [name for name in only if name not in names]:
        raise ConfigError(f"there is no check {', '.join(wrong)}", hint=f"Choose from {', '.join(names)}.")
    return tuple(check for check in CHECKS if not only or check.name in only)


def blocked(check: Check, outcomes: Sequence[Outcome]) -> str:
    """The failed check without which this one need not run; "" where it may."""
    causes = {one.name: one.name if one.status == "failed" else one.blocked_by for one in outcomes}
    return next((cause for name in check.needs if (cause := causes.get(name, ""))), "")
