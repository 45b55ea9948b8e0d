"""`stackctl init`: stack.toml and .gitignore."""

from collections.abc import Mapping

from stackctl.core.config import stack_toml
from stackctl.errors import ConfigError
from stackctl.machine import Machine
from stackctl.steps.config_request import load_config, write_config


def init(machine: Machine, flags: Mapping[str, object]) -> str:
    """Write the commented stack.toml and return its path; an existing one is never replaced."""
    if machine.folder.read(stack_toml.FILE) is not None:
        raise ConfigError(
            f"{machine.path / stack_toml.FILE} already exists",
            hint="Edit it, or change a single value as in `stackctl deploy --context 4096`.",
        )
    write_config(machine, load_config(machine, flags))
    return str(machine.path / stack_toml.FILE)
