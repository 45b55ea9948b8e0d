"""An error as JSON, which stands for the result of a command that failed."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stackctl.errors import StackctlError
    from stackctl.report.contract.failure import Declined, Failed, Problem

_USAGE = 2  # click's exit code


def problem(error: "StackctlError") -> "Problem":
    """An error of ours."""
    return {
        "kind": error.kind,
        "message": error.message,
        "hint": error.hint or None,
        "evidence": list(error.evidence),
        "exit_code": error.exit_code,
        "issue": error.issue or None,
    }


def failed(error: "StackctlError") -> "Failed":
    """A command that failed by it."""
    return {"version": 1, "error": {**problem(error), "rolled_back": error.rolled_back}}


def declined() -> "Declined":
    """Return what stands for a command that asked, and was answered no."""
    return {"version": 1, "declined": True}


def misused(message: str, *, command: str) -> "Failed":
    """A wrong command line."""
    return {
        "version": 1,
        "error": {
            "kind": "usage",
            "message": message,
            "hint": f"Run `{command} --help`.",
            "evidence": [],
            "exit_code": _USAGE,
            "issue": None,
            "rolled_back": None,
        },
    }
