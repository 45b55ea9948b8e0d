"""Stop, start, restart, down, logs: done by Compose, for this folder's project."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from stackctl.errors import ConfigError, StackctlError
from stackctl.machine import Machine
from stackctl.ports.orchestrator import Action
from stackctl.steps import api_key
from stackctl.steps.config_request import load_config, read_lock
from stackctl.steps.deployed import deployed_plan, known_plan, stack_name_here
from stackctl.steps.disks import note_read_only, refuse_lost_disk
from stackctl.steps.external_backend import wait_for_external
from stackctl.steps.has_run import record_run
from stackctl.steps.observe import observe
from stackctl.steps.other_target import all_states, recorded_target, refuse_both, run_by, with_other
from stackctl.steps.own_name import claimed, refuse_foreign, refuse_moved
from stackctl.steps.rollback import finish_going_back
from stackctl.steps.start import start as start_and_wait
from stackctl.steps.tavern_folder import data_path

_STOPPED: Final = frozenset({"created", "exited", "dead"})  # states of a container
_DATA: Final = "sillytavern"  # SillyTavern's data folder, unless stack.toml names another


@dataclass(frozen=True, kw_only=True)
class Done:
    """The result of a verb on a stack. `url`: "" unless the stack is ready.

    `was_there`: whether there was something to stop or to remove; if not, nothing changed.
    """

    name: str
    was_there: bool = True
    url: str = ""
    ready_s: float | None = None


def stop(machine: Machine, service: str | None) -> Done:
    """Stop all services or one. This frees memory and GPU; data stays."""
    name = _checked(machine, service)
    with machine.folder.locked(machine.ui.note, writes=False):
        states = all_states(name, machine)
        for one in with_other(name, machine):
            one.orchestrator.stop(name, service)
    stopped = [one for one in states.values() if service in {None, one.name} and one.state not in _STOPPED]
    return Done(name=name, was_there=bool(stopped))


def start(machine: Machine, service: str | None, *, again: bool, timeout_s: int | None) -> Done:
    """Start (or restart) what was deployed, unchanged, and wait until it is ready.

    After a deploy that was killed, or that left what failed, start what ran before it.
    """
    name = _checked(machine, service)
    with machine.folder.locked(machine.ui.note, writes=False):
        refuse_moved(name, machine)
        finish_going_back(machine)
        machine = run_by(recorded_target(machine), machine)  # a stack that was moving may have gone back
        refuse_both(name, machine)
        plan = deployed_plan(machine)
        refuse_lost_disk(plan, machine)
        note_read_only(plan, machine)
        _say_edited(machine)
        if plan.backend_service is None:
            spec = load_config(machine, {}).spec
            wait_for_external(spec, observe(spec, machine), read_lock(machine), machine, timeout_s=timeout_s)
        action: Action = "restart" if again else "start"
        with claimed(name, machine):
            started = start_and_wait(plan, machine, timeout_s=timeout_s, action=action, only=service)
    return Done(name=name, url=plan.url, ready_s=started.ready_s)


def down(machine: Machine, *, volumes: bool) -> Done:
    """Remove containers and networks. The folder and everything in it stay."""
    name = _checked(machine, None)
    with machine.folder.locked(machine.ui.note, writes=False):
        states = all_states(name, machine)
        record_run(machine, states)
        for one in with_other(name, machine):
            one.orchestrator.down(name, volumes=volumes)
    return Done(name=name, was_there=bool(states))


def logs(machine: Machine, service: str | None, *, follow: bool, lines: str) -> int:
    """Show the logs as Compose prints them, without control sequences, and without the key, which two backends log."""
    name = _checked(machine, service)
    plan = known_plan(machine, machine.ui.warn if service is None else machine.ui.detail)
    api_key.hide_keys_in(machine, data_path(plan) if plan else _DATA)
    ui = machine.ui
    return machine.orchestrator.logs(name, service, lines=lines, follow=follow, out=ui.log, coloured=ui.is_coloured)


def _say_edited(machine: Machine) -> None:
    """Note an orchestrator's file that is not as we wrote it: missing containers are created from it."""
    file = machine.orchestrator.file
    with suppress(StackctlError):  # an unreadable stack.lock does not show it
        written = read_lock(machine).rendered.get("sha256")
        if written and machine.folder.has_file(file) and machine.folder.sha256(file) != written:
            machine.ui.warn(
                f"{file} is not as stackctl wrote it: existing containers stay as they are, and missing ones are "
                "created from it; `stackctl diff` shows what was changed"
            )


def _checked(machine: Machine, service: str | None) -> str:
    """Return the stack's name; raise ConfigError for another folder's stack, and for an unknown service."""
    name = stack_name_here(machine)
    refuse_foreign(name, machine)
    if service and service not in (known := _services(name, machine)):
        raise ConfigError(f"this stack has no service {service!r}", hint=f"Choose from: {', '.join(known) or 'none'}.")
    return name


def _services(name: str, machine: Machine) -> list[str]:
    """Return the names of the stack's services: the planned ones, or those on the engine if the plan can't be read."""
    plan = known_plan(machine, machine.ui.warn)
    return [one.name for one in plan.services] if plan else sorted(machine.orchestrator.states(name))
