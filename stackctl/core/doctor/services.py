"""The services of a stack: those that do not run, those that fail, and those that were started again."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from stackctl.contracts.finding import Finding, finding_of
from stackctl.core.doctor.repairs import start_services
from stackctl.core.observed import ServiceState
from stackctl.errors import StackctlError
from stackctl.terminal import command_line

STOPPED: Final = "services-stopped"


def judge_services(
    states: Mapping[str, ServiceState], missing: tuple[str, ...], troubles: Mapping[str, StackctlError]
) -> tuple[Finding, ...]:
    """Return what is wrong with the services. troubles: by service, why it will not become ready by itself.

    A whole stack that was stopped or taken down is a warning: somebody may have wanted that.
    """
    stopped = tuple(sorted(name for name, one in troubles.items() if one.issue == STOPPED))
    found = [_trouble(name, one) for name, one in sorted(troubles.items()) if name not in stopped]
    if stopped or missing:
        found.append(_stopped(stopped, missing, runs=any(one.state == "running" for one in states.values())))
    found += [_restarted(one) for _, one in sorted(states.items()) if one.is_ready and one.restarts]
    return tuple(found)


def describe(states: Mapping[str, ServiceState]) -> str:
    """Return a clause on services of which none is in trouble."""
    waiting = sorted(name for name, one in states.items() if not one.is_ready)
    if not waiting:
        return f"{len(states)} are ready" if len(states) > 1 else "ready"
    return f"{' and '.join(waiting)} {'start' if len(waiting) > 1 else 'starts'}"


def _trouble(name: str, error: StackctlError) -> Finding:
    hint = error.hint if "stackctl" in error.hint else " ".join((error.hint, "Run `stackctl deploy` after that."))
    return replace(finding_of(error, context=name), hint=hint)


def _stopped(stopped: tuple[str, ...], missing: tuple[str, ...], *, runs: bool) -> Finding:
    names = (*stopped, *missing)
    if not runs:
        return Finding(
            issue=STOPPED,
            severity="warning",
            says="the stack is stopped" if stopped else "the stack has no containers",
            hint="Run `stackctl start`.",
            context=", ".join(names),
            repair=start_services(stopped, missing, runs=runs),
        )
    verb = "do" if len(names) > 1 else "does"
    return Finding(
        issue=STOPPED,
        says=f"{' and '.join(names)} {verb} not run, while the rest of the stack does",
        hint="Run `stackctl start`.",
        context=", ".join(names),
        repair=start_services(stopped, missing, runs=runs),
    )


def _restarted(state: ServiceState) -> Finding:
    often = "once" if state.restarts == 1 else f"{state.restarts} times"
    return Finding(
        issue="backend-failed" if state.name != "sillytavern" else "sillytavern-failed",
        severity="warning",
        says=f"{state.name} is ready, but ended and was started again {often}",
        hint=f"Run `{command_line('stackctl', 'logs', state.name)}` to see why.",
        context=state.name,
    )
