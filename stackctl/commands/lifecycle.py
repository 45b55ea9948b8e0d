"""Stop, start, restart, down, logs: Compose does it, in this folder's project."""

from dataclasses import dataclass

from stackctl.errors import ConfigError
from stackctl.machine import Machine
from stackctl.steps import api_key
from stackctl.steps.config_request import load_config, read_lock
from stackctl.steps.deployed import deployed_plan, stack_name_here
from stackctl.steps.external_backend import wait_for_external
from stackctl.steps.has_run import record_run
from stackctl.steps.observe import observe
from stackctl.steps.start import start as start_and_wait


@dataclass(frozen=True, kw_only=True)
class Done:
    """A verb carried out on a stack. `url`: "" unless the stack is ready."""

    name: str
    url: str = ""
    ready_s: float | None = None


def stop(machine: Machine, service: str | None) -> Done:
    """Stop all or one; memory and GPU are free then, data stays."""
    name = _checked(machine, service)
    with machine.folder.locked(machine.ui.note, writes=False):
        machine.orchestrator.stop(name, service)
    return Done(name=name)


def start(machine: Machine, service: str | None, *, again: bool, timeout_s: int | None) -> Done:
    """Start (or restart) what was deployed, unchanged, and wait until it is ready."""
    name = _checked(machine, service)
    with machine.folder.locked(machine.ui.note, writes=False):
        plan = deployed_plan(machine)
        if plan.backend_service is None:
            spec = load_config(machine, {}).spec
            wait_for_external(spec, observe(spec, machine), read_lock(machine), machine, timeout_s=timeout_s)
        started = start_and_wait(
            plan, machine, timeout_s=timeout_s or plan.timeout_s, action="restart" if again else "start", only=service
        )
    return Done(name=name, url=plan.url, ready_s=started.ready_s)


def down(machine: Machine, *, volumes: bool) -> Done:
    """Remove containers and networks. The folder and everything in it stays."""
    name = _checked(machine, None)
    with machine.folder.locked(machine.ui.note, writes=False):
        record_run(machine, machine.orchestrator.states(name))
        machine.orchestrator.down(name, volumes=volumes)
    return Done(name=name)


def logs(machine: Machine, service: str | None, *, follow: bool, lines: str) -> int:
    """Show the logs as Compose prints them, but for what a terminal would obey, and the key, which two backends log."""
    name = _checked(machine, service)
    api_key.hide_sent_keys(machine, load_config(machine, {}).spec)
    ui = machine.ui
    return machine.orchestrator.logs(name, service, lines=lines, follow=follow, out=ui.log, coloured=ui.is_coloured)


def _checked(machine: Machine, service: str | None) -> str:
    """The stack's name; raise ConfigError for another's, and for an unknown service."""
    name = stack_name_here(machine)
    machine.docker.refuse_foreign(name, machine.place)
    known = [one.name for one in deployed_plan(machine).services] if service else []
    if service and service not in known:
        raise ConfigError(f"this stack has no service {service!r}", hint=f"it has: {', '.join(known)}")
    return name
