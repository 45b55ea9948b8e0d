"""The repairs that several checks offer. None: this machine has no known way to do it, and the user must.

Sources: https://docs.docker.com/engine/install/linux-postinstall (the group docker, start at boot); .../daemon
("reload": which settings need no restart).
"""

import json
from typing import Final

from stackctl.contracts.repair import Repair, RestartEngine, RunProgram, StartServices, Step, WriteFile
from stackctl.core.doctor.engine_config import Settings, with_settings
from stackctl.core.doctor.engine_service import (
    EngineService,
    enable_argvs,
    is_writable,
    restart_argv,
    start_argv,
    stop_argv,
    validate_argv,
)

GROUP: Final = "docker"
_ENGINE_S: Final = 30.0  # how long an engine may take to start


def start_engine(service: EngineService) -> Repair | None:
    """Return the repair that starts an engine that is installed and does not run."""
    argv = start_argv(service)
    if not argv:
        return None
    step = RunProgram(argv=argv, undo=stop_argv(service), needs_root=service.needs_root)
    return Repair(does="Start Docker.", steps=(step,), patience_s=_ENGINE_S)


def enable_engine(service: EngineService) -> Repair | None:
    """Return the repair after which the engine starts with the machine."""
    enable, disable = enable_argvs(service)
    if not enable:
        return None
    steps: tuple[Step, ...] = (RunProgram(argv=enable, undo=disable, needs_root=service.needs_root),)
    if service.init == "systemd --user":
        lingers = RunProgram(argv=("loginctl", "enable-linger"), undo=("loginctl", "disable-linger"), needs_root=False)
        steps = (*steps, lingers)
    return Repair(does="Let Docker start when the machine boots.", steps=steps)


def add_to_group(user: str, service: EngineService, group: str = GROUP) -> Repair:
    """Return the repair that adds a user to the group that may use the engine's socket."""
    step = RunProgram(argv=("addgroup", user, group), undo=("delgroup", user, group))
    if service.has_usermod:
        argv = ("usermod", "--append", "--groups", group, user)
        step = RunProgram(argv=argv, undo=("gpasswd", "--delete", user, group))
    return Repair(
        does=f"Add the user {user} to the group {group}, whose members are as powerful as root.",
        steps=(step,),
        then=f"Log in again, or run `newgrp {group}`: a group counts from the next login on.",
    )


def set_engine_config(service: EngineService, settings: Settings, *, restarts: bool = True) -> Repair | None:
    """Return the repair that adds settings to the engine's configuration, and has the engine read it.

    restarts: the engine takes them at its start alone; else it reads them while it runs.
    """
    if not is_writable(service) or not service.init:
        return None
    text = with_settings(service.config_text or "", settings)
    if not text or text == service.config_text:  # damaged, or the engine has not read what is there
        return None
    says = f"adds {json.dumps(settings)[1:-1]} to {service.config}"
    write = WriteFile(
        path=service.config,
        text=text,
        former=service.config_text or "",
        says=says,
        validate=validate_argv(service),
        needs_root=service.needs_root,
    )
    steps: tuple[Step, ...] = (write, *_reread(service, restarts=restarts))
    then = "restart Docker" if restarts else "have Docker read it"
    return Repair(
        does=f"Add {json.dumps(settings)[1:-1]} to {service.config}, and {then}.", steps=steps, patience_s=_ENGINE_S
    )


def start_services(stopped: tuple[str, ...], missing: tuple[str, ...], *, runs: bool) -> Repair:
    """Return the repair that starts services of this folder's stack. runs: the rest of the stack does."""
    services = (*stopped, *missing)
    if runs:
        undo = tuple(("stop", one) for one in services)
        return Repair(does=f"Start {' and '.join(services)}.", steps=(StartServices(services=services, undo=undo),))
    step = StartServices(services=services, undo=(("stop",) if stopped else ("down",),))
    return Repair(does="Start the stack.", steps=(step,))


def _reread(service: EngineService, *, restarts: bool) -> tuple[RestartEngine, ...]:
    """Return the step after which the running engine has its new configuration; () if none runs."""
    if restarts:
        return (RestartEngine(argv=restart_argv(service), needs_root=service.needs_root),)
    if not service.pid:
        return ()
    by_signal = ("kill", "-s", "HUP", str(service.pid))
    argv = ("systemctl", "reload", "docker") if service.init == "systemd" else by_signal
    return (RestartEngine(argv=argv, stops_containers=False, needs_root=service.needs_root),)
