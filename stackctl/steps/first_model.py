"""Which model a stack runs where neither stack.toml nor the command line names one."""

from collections.abc import Mapping

from stackctl.core.config import several_models
from stackctl.core.model import demo_model
from stackctl.errors import ConfigError
from stackctl.machine import Machine
from stackctl.steps.config_request import ConfigRequest, load_config
from stackctl.steps.seed_tavern import is_seeded

WAYS = "--model FILE and --model hf:OWNER/NAME:Q4_K_M name one; --model demo is a built-in one that knows one sentence"


def request_to_deploy(machine: Machine, flags: Mapping[str, object]) -> ConfigRequest:
    """Return the request, with the only model of [models] where nobody has named one.

    Raise ConfigError for several, or none.
    """
    wanted = request_to_render(machine, flags)
    if is_open(machine, wanted):
        raise ConfigError(
            "no model is named, and none was deployed here yet",
            hint=f"stackctl deploy --yes fetches the one that suits this machine; {WAYS}",
        )
    return wanted


def request_to_render(machine: Machine, flags: Mapping[str, object]) -> ConfigRequest:
    """The same for what starts nothing: there the demo model stands in for none."""
    wanted = load_config(machine, flags)
    name = several_models.only_model(wanted.written) if is_open(machine, wanted) else ""
    return load_config(machine, {**flags, "model.use": name}) if name else wanted


def is_open(machine: Machine, wanted: ConfigRequest) -> bool:
    """Whether nothing says which model runs; a demo stack that was deployed goes on as it is."""
    runs_demo = is_seeded(machine) and demo_model.FILE_NAME in (machine.folder.read(machine.orchestrator.file) or "")
    return not several_models.is_named(wanted.written) and not runs_demo
