"""`stackctl use`: another model for the same chats; only the backend is recreated."""

from dataclasses import dataclass

from stackctl.commands.deploy import Deployed, Options, deploy
from stackctl.core.config import several_models
from stackctl.errors import ConfigError
from stackctl.machine import Machine
from stackctl.steps.config_request import load_config


@dataclass(frozen=True, kw_only=True)
class ModelHere:
    """One entry of stack.toml's [models]. context, kv_cache: in force if it runs; "auto" is decided then."""

    name: str
    path: str
    context: str
    kv_cache: str
    is_used: bool


def models_here(machine: Machine) -> tuple[ModelHere, ...]:
    """Return the models that stack.toml names; raise ConfigError where it names none."""
    written = load_config(machine, {}).written
    rows = []
    for name in sorted(written.models):
        spec = several_models.settings_of(written, name)
        rows.append(
            ModelHere(
                name=name,
                path=spec.model.path,
                context=str(spec.backend.context),
                kv_cache=spec.backend.kv_cache,
                is_used=written.model.use == name,
            )
        )
    if not rows:
        raise ConfigError(
            "stack.toml has no [models] to choose from",
            hint='Write a [models.NAME] section with path = "/path/to/model.gguf"; run `stackctl import FILE.kcpps`; '
            "or, for a single model, run `stackctl deploy --model MODEL`.",
        )
    return tuple(rows)


def use(machine: Machine, name: str, options: Options) -> Deployed:
    """Deploy with the model of that name; raise ConfigError where stack.toml has none."""
    written = load_config(machine, {}).written
    if name not in written.models:
        raise several_models.unknown_model(written, name)
    if written.backend.is_external:
        raise ConfigError(
            f"the backend runs elsewhere, at {written.backend.url}: its model is chosen there",
            hint="stackctl deploy takes over what it runs then; to run one here: stackctl deploy --backend llamacpp",
        )
    done = deploy(machine, {"model.use": name}, options)
    if written.model.use != name:
        machine.ui.note(
            "SillyTavern went on running; tabs that were open connect by themselves, and must be reloaded to take "
            "the new context and prompt template"
        )
    return done
