"""Several models in one stack: which one runs, with which settings, and where a change is written."""

import difflib
import re
from collections.abc import Mapping

from stackctl.core.config.spec import EXTERNAL, OneModel, Spec
from stackctl.errors import ConfigError
from stackctl.terminal import shell_word

_AUTO = "auto"
# a setting that each model may have -> the section with the setting for all models
_SHARED: Mapping[str, str] = {
    "context": "backend",
    "gpu_layers": "backend",
    "kv_cache": "backend",
    "template": "sillytavern",
    "thinking": "sillytavern",
}


def settings_in_use(spec: Spec) -> Spec:
    """Return the spec with the path and settings of the model that model.use names in place of those for all models.

    An external backend has loaded its model already, so its spec stays as it is. Raise ConfigError if there is no such
    model.
    """
    if not spec.model.use or spec.backend.is_external:
        return spec
    return settings_of(spec, spec.model.use)


def settings_of(spec: Spec, name: str) -> Spec:
    """Return the spec as after `stackctl use NAME`."""
    entry = spec.models.get(name)
    if entry is None:
        raise unknown_model(spec, name)
    sections: dict[str, dict[str, object]] = {"model": {"path": entry.path, "source": entry.source, "use": name}}
    for key, section in _SHARED.items():
        if (value := getattr(entry, key)) != _AUTO:
            sections.setdefault(section, {})[key] = value
    return spec.model_copy(
        update={section: getattr(spec, section).model_copy(update=values) for section, values in sections.items()}
    )


def is_named(spec: Spec) -> bool:
    """Return whether stack.toml names what runs: a model, one of several, or an external server."""
    model = spec.model
    return bool(model.use) or model.path != _AUTO or bool(model.source) or spec.backend.is_external


def only_model(spec: Spec) -> str:
    """Return the name of the only model in [models], "" if it is empty; raise ConfigError if there are several."""
    names = sorted(spec.models)
    if len(names) > 1:
        raise ConfigError(
            f"stack.toml has {len(names)} models, and model.use does not say which one runs",
            hint="Run " + " or ".join(f"`stackctl use {shell_word(one)}`" for one in names) + ".",
            issue="model-not-named",
        )
    return names[0] if names else ""


def unknown_model(spec: Spec, name: str) -> ConfigError:
    """Return the error for a model that stack.toml does not name."""
    close = difflib.get_close_matches(name, spec.models, n=1, cutoff=0.5)
    known = f"its models are {', '.join(sorted(spec.models))}" if spec.models else "it names none yet"
    add = f'Add it as `[models.{name}]` with `path = "/path/to/model.gguf"`.'
    hint = f"Run `stackctl use {shell_word(close[0])}` if you meant that one." if close else add
    return ConfigError(f"stack.toml has no model {name!r}; {known}", hint=hint)


def placed_changes(changes: Mapping[str, object], spec: Spec) -> dict[str, object]:
    """Return the changes, by dotted key, with each key where it takes effect for the model in use."""
    if "model.path" in changes:  # an explicit path is a model outside of the list
        return {**({"model.use": ""} if spec.model.use else {}), **changes}
    name = changes.get("model.use", spec.model.use)
    if not name or changes.get("backend.kind", spec.backend.kind) == EXTERNAL:
        return dict(changes)
    own = {f"{section}.{key}": f"models.{name}.{key}" for key, section in _SHARED.items()}
    return {own.get(key, key): value for key, value in changes.items()}


def free_name(stem: str, taken: Mapping[str, OneModel]) -> str:
    """Return an unused name for a model, made from its file's stem."""
    made = re.sub(r"[^a-z0-9_]+", "-", stem.lower()).strip("-_")[:60] or "model"
    names = (made, *(f"{made}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)
