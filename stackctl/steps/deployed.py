"""The stack that was deployed in this folder, as plan.json has it: what stack.toml says by now is another matter."""

from contextlib import suppress
from dataclasses import replace

from stackctl.core.container_paths import refuse_elsewhere
from stackctl.core.plan import plan_json
from stackctl.core.plan.stack import Plan
from stackctl.errors import ConfigError, StackctlError
from stackctl.machine import Machine


def deployed_plan(machine: Machine) -> Plan:
    """Return the plan of the stack in this folder; raise ConfigError where there is none.

    One that an older stackctl deployed, or that came without .stackctl/, is planned from stack.toml and stack.lock.
    """
    _refuse_none(machine)
    return written_plan(machine) or _planned_again(machine)


def stack_name_here(machine: Machine) -> str:
    """Return the name of the stack in this folder; raise ConfigError where there is none."""
    _refuse_none(machine)
    if written := written_plan(machine):
        return written.name
    from stackctl.core.plan.plan import stack_name
    from stackctl.steps.config_request import load_config

    return stack_name(load_config(machine, {}).spec, machine.place)


def _refuse_none(machine: Machine) -> None:
    if machine.folder.read(machine.orchestrator.file) is None:
        raise ConfigError(
            f"there is no stack in {machine.path} (no {machine.orchestrator.file})", hint="stackctl deploy makes one"
        )
    refuse_elsewhere("this folder", machine.place, machine.docker.own_binds, is_folder=True)


def written_plan(machine: Machine) -> Plan | None:
    """The plan that was written down for this folder; None where there is none."""
    text = machine.folder.read(plan_json.FILE)
    if text is None:
        return None
    plan = plan_json.parse(text, machine.place, lambda place: _secret(place, machine))
    if plan and plan.key and plan.key.reveal() and not plan.backend_service:
        machine.ui.hide(plan.key)  # another server's, which lies elsewhere
    return plan


def _secret(place: str, machine: Machine) -> str:
    """The text of a file with a secret; "" where it can't be read: whoever asks with that is refused, and says so."""
    with suppress(StackctlError):
        return machine.folder.read(str(machine.storage.locate(place, machine.path)), errors="replace") or ""
    return ""


def _planned_again(machine: Machine) -> Plan:
    from stackctl.core.plan.plan import plan
    from stackctl.steps.config_request import load_config, read_lock
    from stackctl.steps.observe import observe

    wanted = load_config(machine, {})
    # has_run: what was rendered stays as it is, so nothing may be chosen again
    seen = replace(observe(wanted.spec, machine), has_run=True)
    return plan(wanted.spec, seen, read_lock(machine)).plan
