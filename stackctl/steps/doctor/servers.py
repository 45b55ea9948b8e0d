"""Names, the servers that a deploy needs, and the clock, which their answers show."""

from contextlib import suppress
from pathlib import PurePosixPath
from typing import Final

from stackctl.contracts.engine import EngineDetails
from stackctl.contracts.finding import CheckResult
from stackctl.core.doctor.clock import judge_clock
from stackctl.core.doctor.servers import NO_TIME, judge_engines_way, judge_names, judge_servers
from stackctl.errors import StackctlError
from stackctl.steps.doctor import needed
from stackctl.steps.doctor.check import Check, Looks
from stackctl.steps.doctor.machine import shares_kernel

_RESOLVERS: Final = PurePosixPath("/etc/resolv.conf")


def _names(looks: Looks) -> CheckResult:
    asked = needed.named(looks)
    if not asked:
        return CheckResult(untried="no server is needed", applies=False)
    findings = judge_names(asked, looks.machine.system.text(_RESOLVERS), _details(looks))
    if all(server.proxy for server, _ in asked):
        return CheckResult(untried="a proxy resolves the names of servers")
    if any(why == NO_TIME for _, why in asked):
        return CheckResult(untried=NO_TIME)
    return CheckResult(findings=findings, says=f"{asked[0][0].name} has an address")


def _servers(looks: Looks) -> CheckResult:
    asked = needed.reached(looks)
    if not asked:
        is_needed = bool(needed.named(looks))
        return CheckResult(untried="no server's name has an address", applies=is_needed)
    details = _details(looks)
    findings = judge_servers(asked, details)
    if details and shares_kernel(looks):
        findings += judge_engines_way(needed.named(looks), details)
    if not findings and any(found.failure == "unasked" for _, found in asked):
        return CheckResult(untried=next(found.says for _, found in asked if found.failure == "unasked"))
    return CheckResult(findings=findings, says=", ".join(server.name for server, _ in asked))


def _clock(looks: Looks) -> CheckResult:
    system = looks.machine.system
    answers = [found for _, found in needed.reached(looks)]
    if not any(one.ahead_s is not None for one in answers):
        return CheckResult(untried="no server told its time", applies=bool(answers))
    settings = ""
    if any(abs(one.ahead_s or 0.0) > 1.0 for one in answers):
        shown = system.ask(("timedatectl", "show"), within_s=looks.left_s(0.5))
        settings = shown.out if shown.code == 0 else ""
    return CheckResult(findings=judge_clock(answers, settings, system.user()), says="the clock agrees with servers")


def _details(looks: Looks) -> EngineDetails | None:
    with suppress(StackctlError):
        return looks.details()
    return None


CHECKS: Final[tuple[Check, ...]] = (
    Check(name="names", title="names of the Internet are resolved", run=_names),
    Check(name="servers", title="registry and model hub answer", run=_servers),
    Check(name="clock", title="the clock is right", run=_clock),
)
