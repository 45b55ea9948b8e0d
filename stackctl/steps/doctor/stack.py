"""The stack of this folder: its settings, and what runs of it."""

from contextlib import suppress
from typing import Final

from stackctl.contracts.finding import CheckResult, Finding, finding_of
from stackctl.core.config import stack_toml
from stackctl.core.doctor.services import describe, judge_services
from stackctl.core.external import backend_url
from stackctl.core.plan.stack import Plan
from stackctl.errors import ConfigError, StackctlError
from stackctl.steps.config_request import read_lock
from stackctl.steps.deployed import stack_name_here
from stackctl.steps.doctor.check import Check, Looks
from stackctl.steps.former_stack import BACK_OR_ON, kept_journal
from stackctl.steps.own_name import refuse_foreign, refuse_moved
from stackctl.steps.service_trouble import service_trouble

_REACH_S: Final = 1.0
_NONE: Final = "no stack was deployed in this folder"


def _read_settings(looks: Looks) -> CheckResult:
    found = []
    for look in (looks.spec, lambda: read_lock(looks.machine), looks.plan):
        try:
            look()
        except StackctlError as error:
            found.append(finding_of(error))
    if found:
        return CheckResult(findings=tuple(found))
    if looks.machine.folder.has_file(stack_toml.FILE):
        return CheckResult(says="readable")
    return CheckResult(untried=_NONE)


def _own_name(looks: Looks) -> CheckResult:
    looks.engine()
    name, machine = _name(looks), looks.machine
    try:
        refuse_foreign(name, machine)
        refuse_moved(name, machine)
    except StackctlError as error:
        return CheckResult(findings=(finding_of(error),))
    return CheckResult()


def _services(looks: Looks) -> CheckResult:
    looks.engine()
    name, machine = _name(looks), looks.machine
    refuse_foreign(name, machine)
    states, plan = machine.orchestrator.states(name), _plan(looks)
    missing = tuple(sorted({one.name for one in plan.services} - states.keys())) if plan else ()
    troubles = {key: trouble for key, one in states.items() if (trouble := service_trouble(one, machine))}
    if found := judge_services(states, missing, troubles):
        return CheckResult(findings=found)
    return CheckResult(says=describe(states), untried="" if states else _NONE)


def _machines(looks: Looks) -> CheckResult:
    """Look at the machines among which the orchestrator moves the stack."""
    looks.engine()
    name = ""
    with suppress(StackctlError):
        name = _name(looks)
    return looks.machine.orchestrator.examine(name)


def _unfinished(looks: Looks) -> CheckResult:
    if kept_journal(looks.machine) is None:
        return CheckResult()
    says = "a deploy is running, or was ended before its stack was ready"
    return CheckResult(findings=(Finding(issue="deploy-unfinished", says=says, hint=BACK_OR_ON),))


def _reach_external(looks: Looks) -> CheckResult:
    """Connect to a backend elsewhere from this machine: only a container shows whether SillyTavern reaches it."""
    plan = _plan(looks)
    if plan is None or plan.backend_service:
        return CheckResult(untried=_NONE if plan is None else "the stack runs its own backend", applies=plan is None)
    says = _unreached(plan.backend_url, looks)
    if not says:
        return CheckResult(says=f"{plan.backend_title} at {backend_url.origin(plan.backend_url)} takes connections")
    return CheckResult(
        findings=(
            Finding(
                issue="backend-elsewhere-unreachable",
                says=f"{plan.backend_title} at {backend_url.origin(plan.backend_url)} does not answer: {says}",
                hint="Start it there. `stackctl status` asks it from a container, and says more.",
                context=backend_url.origin(plan.backend_url),
            ),
        )
    )


def _unreached(url: str, looks: Looks) -> str:
    """Return why a server does not answer; "" if it does, or only containers may know its name."""
    if backend_url.host(url) == backend_url.HOST:
        number = backend_url.port(url)
        return "" if looks.machine.host.listeners(number) else f"nothing listens on port {number} of this machine"
    reached = looks.machine.system.reach(backend_url.origin(url), within_s=looks.left_s(_REACH_S))
    words = {"refused": "connection refused", "timeout": "no answer in time"}
    return words.get(reached.failure, "")


def _name(looks: Looks) -> str:
    """Return the stack's name; raise ConfigError if there is no stack here."""
    try:
        return looks.once("name", lambda: stack_name_here(looks.machine))
    except ConfigError as error:
        if error.issue == "stack-missing":
            raise ConfigError(_NONE) from error
        raise


def _plan(looks: Looks) -> Plan | None:
    """Return the plan; None, too, if it can't be read, which another check reports."""
    with suppress(StackctlError):
        return looks.plan()
    return None


CHECKS: Final[tuple[Check, ...]] = (
    Check(name="settings", title="the settings can be read", run=_read_settings),
    Check(name="name", title="the name is this folder's", run=_own_name),
    Check(name="services", title="the services are ready", run=_services),
    Check(name="nodes", title="its nodes are well", run=_machines),
    Check(name="deploy", title="no deploy is unfinished", run=_unfinished),
    Check(name="backend elsewhere", title="the backend elsewhere answers", run=_reach_external),
)
