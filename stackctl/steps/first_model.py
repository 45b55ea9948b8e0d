"""The model that a stack runs if neither stack.toml nor the command line names one."""

from collections.abc import Mapping

from stackctl.core.config import several_models
from stackctl.core.model import demo_model
from stackctl.errors import ConfigError
from stackctl.machine import Machine
from stackctl.steps.config_request import ConfigRequest, load_config
from stackctl.steps.seed_tavern import is_seeded

WAYS = (
    "Choose a model with `--model FILE` or `--model hf:OWNER/NAME:Q4_K_M`. `--model demo` is a built-in model that "
    "answers with one fixed sentence."
)


def request_to_deploy(machine: Machine, flags: Mapping[str, object]) -> ConfigRequest:
    """Return the request, with the only model of [models] if none is named.

    Raise ConfigError if [models] has several, or none.
    """
    wanted = request_to_render(machine, flags)
    if is_open(machine, wanted):
        raise ConfigError(
            "no model is named, and none was deployed here before",
            hint=f"Run `stackctl deploy --yes` to download the model that suits this machine. {WAYS}",
            issue="model-not-named",
        )
    return wanted


def request_to_render(machine: Machine, flags: Mapping[str, object]) -> ConfigRequest:
    """Return the same for a command that starts nothing: without a model it uses the demo model."""
    wanted = load_config(machine, flags)
    name = several_models.only_model(wanted.written) if is_open(machine, wanted) else ""
    return load_config(machine, {**flags, "model.use": name}) if name else wanted


def has_stack(machine: Machine) -> bool:
    """Return whether a model for this folder would change something: stack.toml names or lists some, or is wrong."""
    try:
        wanted = load_config(machine, {})
    except ConfigError:
        return True
    is_written = machine.folder.read(machine.orchestrator.file) is not None
    return is_written or bool(wanted.written.models) or not is_open(machine, wanted)


def is_open(machine: Machine, wanted: ConfigRequest) -> bool:
    """Return whether no model is named. False for a deployed demo stack, which keeps its model."""
    runs_demo = is_seeded(machine) and demo_model.FILE_NAME in (machine.folder.read(machine.orchestrator.file) or "")
    return not several_models.is_named(wanted.written) and not runs_demo
