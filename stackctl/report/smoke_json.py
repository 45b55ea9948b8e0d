"""`smoke` as JSON."""

from typing import TYPE_CHECKING, Final, Literal

from stackctl.report.failure import problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stackctl.core.smoke.result import Outcome, Smoked
    from stackctl.report.contract import stack

_STATUS: "Final[Mapping[str, Literal['passed', 'failed', 'not_run']]]" = {
    "passed": "passed",
    "failed": "failed",
    "not run": "not_run",
}


def smoked_values(done: "Smoked") -> "stack.Smoked":
    """Each check, and each way into the stack."""
    return {
        "version": 1,
        "name": done.name,
        "url": done.url,
        "passed": not done.failed,
        "exit_code": done.exit_code,
        "duration_s": round(done.seconds, 3),
        "first_token_s": done.measures.get("first_token_s"),
        "tokens_per_s": done.measures.get("tokens_per_s"),
        "checks": [_check(one) for one in done.outcomes],
        "routes": [
            {
                "source": one.source,
                "target": one.target,
                "address": one.address,
                "planned": one.expected,
                "open": one.is_open,
                "as_planned": one.is_right,
                "message": one.seen,
            }
            for one in done.ways
        ],
    }


def _check(one: "Outcome") -> "stack.Check":
    return {
        "name": one.name,
        "status": _STATUS[one.status],
        "message": one.says,
        "duration_s": round(one.seconds, 3),
        "blocked_by": one.blocked_by or None,
        "error": problem(one.error) if one.error else None,
    }
