"""The stack that was deployed in this folder, as plan.json records it: stack.toml may have changed since."""

from contextlib import suppress
from dataclasses import replace

from stackctl.core.container_paths import refuse_elsewhere
from stackctl.core.plan import plan_json
from stackctl.core.plan.stack import Plan
from stackctl.errors import ConfigError, EngineError, StackctlError
from stackctl.machine import Machine
from stackctl.ports.disk import Says
from stackctl.steps.own_name import former_place, recorded_name


def deployed_plan(machine: Machine) -> Plan:
    """Return the plan of the stack in this folder; raise ConfigError if there is none.

    A stack that an older stackctl deployed, or that came without .stackctl/, is planned from stack.toml and stack.lock.
    """
    _refuse_none(machine)
    return written_plan(machine) or _planned_again(machine)


def known_plan(machine: Machine, warn: Says) -> Plan | None:
    """Return the plan of the stack in this folder; None, after a `warn`, if it can't be read or planned again.

    For commands that work without a plan: what runs must be seen and stopped even if the files are damaged.
    """
    try:
        return deployed_plan(machine)
    except StackctlError as error:
        _refuse_none(machine)
        warn(f"{error.message}. {error.hint}")
        return None


def stack_name_here(machine: Machine) -> str:
    """Return the name of the stack in this folder; raise ConfigError if there is none.

    It is read from plan.json, else from this folder's containers or those of its former path, else from stack.toml,
    and last from stack.lock.
    """
    _refuse_none(machine)
    with suppress(StackctlError):  # plan.json may not even be a file
        text = machine.folder.read(plan_json.FILE, errors="replace")
        if text and (written := plan_json.name(text, machine.place)):
            return written
    if len(running := _names_on_engine(machine)) == 1:
        return running[0]
    from stackctl.core.plan.plan import stack_name
    from stackctl.steps.config_request import load_config

    recorded = recorded_name(machine)
    if former_place(recorded, machine):
        return recorded
    try:
        return stack_name(load_config(machine, {}).spec, machine.place)
    except StackctlError:
        if recorded:
            return recorded
        raise


def _names_on_engine(machine: Machine) -> list[str]:
    """Return the stack names of the engine's containers that were started here; [] if the engine does not answer."""
    with suppress(EngineError):
        return sorted(name for name, folder in machine.docker.stack_folders() if folder == str(machine.path))
    return []


def _lies_there(name: str, machine: Machine) -> bool:
    """Return whether something of this name lies in the folder, readable or not."""
    try:
        return machine.folder.has_file(name)
    except StackctlError:
        return True


def _refuse_none(machine: Machine) -> None:
    """Raise ConfigError if nothing shows a stack in this folder: no file, and no container."""
    file = machine.orchestrator.file
    if not (_lies_there(file, machine) or _lies_there(plan_json.FILE, machine) or _names_on_engine(machine)):
        raise ConfigError(
            f"there is no stack in {machine.path} (no {file})",
            hint="Run `stackctl deploy` to make one.",
            issue="stack-missing",
        )
    refuse_elsewhere("this folder", machine.place, machine.docker.own_binds, is_folder=True)


def written_plan(machine: Machine) -> Plan | None:
    """Return the plan in this folder's plan.json; None if there is none."""
    text = machine.folder.read(plan_json.FILE)
    if text is None:
        return None
    plan = plan_json.parse(text, machine.place, lambda place: _secret(place, machine))
    if plan and plan.key and plan.key.reveal() and not plan.backend_service:
        machine.ui.hide(plan.key)  # the key of another server, which the machine does not hide
    return plan


def _secret(place: str, machine: Machine) -> str:
    """Return the text of a file with a secret; "" if it can't be read: the server then refuses the request."""
    with suppress(StackctlError):
        return machine.folder.read(str(machine.storage.locate(place, machine.path)), errors="replace") or ""
    return ""


def _planned_again(machine: Machine) -> Plan:
    from stackctl.core.plan.plan import plan
    from stackctl.steps.config_request import load_config, read_lock
    from stackctl.steps.observe import observe

    wanted = load_config(machine, {})
    # has_run: what was rendered stays, so nothing may be chosen again. ran_with: it runs, whatever its arguments are.
    ran_with = wanted.spec.backend.extra_args
    seen = replace(observe(wanted.spec, machine), has_run=True, ran_with=ran_with, taken_ports={})
    return plan(wanted.spec, seen, read_lock(machine)).plan
