"""The engine's configuration file: an engine whose file is damaged does not start again."""

from typing import Final

from stackctl.contracts.finding import CheckResult, Finding
from stackctl.core.doctor.engine_config import config_error
from stackctl.core.doctor.engine_service import EngineService, validate_argv
from stackctl.machine import Machine
from stackctl.steps.doctor.check import Check, Looks
from stackctl.steps.doctor.engine_service import engine_service
from stackctl.terminal import shell_word

_ASK_S: Final = 1.0
_MOST_LINES: Final = 6


def _check(looks: Looks) -> CheckResult:
    service = engine_service(looks)
    if not service.init:
        return CheckResult(untried="the engine is no service of this machine that stackctl knows", applies=False)
    if service.config_text is None:
        return CheckResult(untried=f"{service.config} can't be read")
    if not service.config_text.strip():
        return CheckResult(says="the engine has no configuration file")
    error, evidence = config_error(service.config_text), tuple[str, ...]()
    if not error:
        error, evidence = _refusal(service, looks.machine)
    if not error:
        return CheckResult(says=f"{service.config} is valid")
    later = "" if looks.link().failure else "; the engine that runs read it before, and will not start again"
    return CheckResult(
        findings=(
            Finding(
                issue="engine-configuration-invalid",
                context=str(service.config),
                says=f"{service.config} is damaged: {error}{later}",
                hint=f"Correct it with `sudoedit {shell_word(service.config)}`, or move it away; then run the doctor "
                "again. stackctl does not write a file that it can't read.",
                severity="warning" if later else "failure",
                evidence=evidence,
            ),
        )
    )


def _refusal(service: EngineService, machine: Machine) -> tuple[str, tuple[str, ...]]:
    """Return why dockerd does not accept its file, and its words; ("", ()) if it does, or can't be asked."""
    argv = tuple(str(service.config) if word == "{}" else word for word in validate_argv(service))
    if not argv:
        return "", ()
    done = machine.system.ask(argv, within_s=_ASK_S)
    if done.code in {0, -1}:
        return "", ()
    said = tuple((done.err or done.out).strip().splitlines()[-_MOST_LINES:])
    return "dockerd refuses it", said


CHECKS: Final[tuple[Check, ...]] = (
    Check(name="engine configuration", title="the engine's configuration is valid", run=_check),
)
