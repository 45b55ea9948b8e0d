"""The stack that was deployed in this folder."""

from stackctl.core.container_paths import refuse_elsewhere
from stackctl.core.plan.plan import stack_name
from stackctl.errors import ConfigError
from stackctl.machine import Machine
from stackctl.orchestrators.compose import render
from stackctl.steps.config_request import load_config


def stack_name_here(machine: Machine) -> str:
    """The name of the stack in this folder; raise ConfigError where there is none."""
    if machine.folder.read(render.FILE) is None:
        raise ConfigError(f"there is no stack in {machine.path} (no {render.FILE})", hint="stackctl deploy makes one")
    refuse_elsewhere("this folder", machine.place, machine.docker.own_binds, is_folder=True)
    return stack_name(load_config(machine, {}).spec, machine.place)
