"""Run the checks one by one. A check whose requirement failed is not run; all share one time limit."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stackctl.commands.smoke import reachability, services, talk
from stackctl.commands.smoke.evidence import keep
from stackctl.commands.smoke.site import Site
from stackctl.core.plan.stack import Plan
from stackctl.core.smoke.checks import Check
from stackctl.core.smoke.result import NotApplicable, Outcome, Smoked, blocked, choose_checks
from stackctl.errors import StackctlError
from stackctl.machine import Machine
from stackctl.steps import api_key
from stackctl.steps.config_request import load_config
from stackctl.steps.deployed import deployed_plan
from stackctl.steps.own_name import refuse_foreign
from stackctl.steps.tavern_session import log_lines

TIMEOUT_S = 600
_FUNCTIONS: Mapping[str, Callable[[Site], str]] = {
    "services": services.services,
    "page": talk.page,
    "whitelist": reachability.whitelist,
    "origin": reachability.origin,
    "key": reachability.key,
    "wiring": talk.wiring,
    "model": talk.model,
    "context": talk.context,
    "reply": talk.reply,
    "streaming": talk.streaming,
    "encoding": talk.encoding,
    "isolation": reachability.isolation,
    "exposure": reachability.exposure,
    "restart": services.restart,
}
_SAYS_MORE = {"wiring", "reply", "streaming", "restart"}  # SillyTavern's log shows why one of these failed


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to check. only (): all. timeout_s None: ten minutes. `restart`: also run that check on a stack in use.

    `artefacts`: the folder for logs and rendered files if a check fails.
    """

    only: tuple[str, ...] = ()
    restart: bool = False
    timeout_s: int | None = None
    artefacts: Path | None = None


def smoke(machine: Machine, options: Options) -> Smoked:
    """Check the stack in this folder against the plan that it was deployed with, and change nothing.

    Its backend is only restarted on request, because that interrupts running chats.
    """
    checks = choose_checks(options.only)
    machine.ui.step("Looking at the machine and the stack")
    decided = deployed_plan(machine)
    refuse_foreign(decided.name, machine)
    api_key.hide_sent_keys(machine, load_config(machine, {}).spec)
    skipped = {} if options.restart or "restart" in options.only else {"restart": "it would interrupt running chats"}
    until = time.monotonic() + (options.timeout_s or TIMEOUT_S)
    smoked = check_stack(decided, machine, checks, until=until, skipped=skipped)
    keep(machine, smoked, options.artefacts)
    return smoked


def check_stack(
    decided: Plan,
    machine: Machine,
    checks: Sequence[Check],
    *,
    until: float,
    before: Sequence[Outcome] = (),
    skipped: Mapping[str, str],
) -> Smoked:
    """Run the checks, at most until `until` (time.monotonic). `skipped`: name -> why not to run that check."""
    outcomes = list(before)
    site = Site(decided, machine, until)
    machine.ui.step(f"Checking {decided.name}")
    try:
        for check in checks:
            machine.ui.status(f"{check.name}: {check.says}")
            if cause := blocked(check, outcomes):
                outcome = Outcome(name=check.name, status="not run", says=f"because {cause} failed", blocked_by=cause)
            elif reason := skipped.get(check.name):
                outcome = Outcome(name=check.name, status="not run", says=f"{reason}; `--restart` runs it")
            else:
                outcome = _outcome(check, site)
            outcomes.append(outcome)
    finally:
        site.close()
    return Smoked(
        name=decided.name,
        url=decided.url,
        outcomes=tuple(outcomes),
        ways=site.ways,
        measures=site.measures,
    )


def _outcome(check: Check, site: Site) -> Outcome:
    began, began_at = time.monotonic(), time.time()
    try:
        site.left_s()
        says = _FUNCTIONS[check.name](site)
    except NotApplicable as reason:
        return Outcome(name=check.name, status="not run", says=str(reason), seconds=time.monotonic() - began)
    except StackctlError as error:
        if not error.evidence and check.name in _SAYS_MORE:
            error.evidence = log_lines(site.plan, site.machine, began_at)
        seconds = time.monotonic() - began
        return Outcome(name=check.name, status="failed", says=error.message, error=error, seconds=seconds)
    return Outcome(name=check.name, status="passed", says=says, seconds=time.monotonic() - began)
