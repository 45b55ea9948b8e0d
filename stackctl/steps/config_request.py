"""What the user wants: stack.toml, with the options of this call written into it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stackctl.core.config import lock, several_models, stack_toml
from stackctl.core.config.lock import Lock
from stackctl.core.config.spec import Spec
from stackctl.errors import ConfigError
from stackctl.machine import Machine

_IGNORED = """\
# stackctl: these files can be created again, or are private
/sillytavern/
/.stackctl/
/backend/
/stackctl-demo.gguf
*.kept-*
"""


@dataclass(frozen=True, kw_only=True)
class ConfigRequest:
    """The spec in force, and stack.toml's text if it has to be written (None: it stays as it is).

    `spec` has the settings of the model in use applied, `written` is what stack.toml says. `changes`: what the options
    change in it, by dotted key.
    """

    spec: Spec
    written: Spec
    text: str | None
    is_new: bool
    changes: Mapping[str, object] = field(default_factory=dict)


def load_config(machine: Machine, flags: Mapping[str, object]) -> ConfigRequest:
    """Read stack.toml, or make up one if there is none; `flags` (dotted keys) override it. Writes nothing."""
    changes = {key: value for key, value in flags.items() if value is not None}
    text = machine.folder.read(stack_toml.FILE)
    if text is None:
        entries = {key: value for key, value in changes.items() if key.startswith("models.")}
        made = stack_toml.example(changes)
        made = stack_toml.edited(made, entries) if entries else made
        other = {key: value for key, value in changes.items() if _value(Spec(), key) != value}
        return _wish(_parsed(made, changes), made, other, is_new=True)
    before = stack_toml.parse(text)
    placed = several_models.placed_changes(changes, before)
    changed = {key: value for key, value in placed.items() if _value(before, key) != value}
    if not changed:
        return _wish(before, None, {})
    after = stack_toml.edited(text, changed)
    return _wish(_parsed(after, changed), after, changed)


def write_config(machine: Machine, wanted: ConfigRequest) -> None:
    """Write what load_config() decided, and print a note."""
    if wanted.text is None:
        return
    machine.folder.write(stack_toml.FILE, wanted.text)
    if wanted.is_new:
        machine.ui.note(f"wrote {stack_toml.FILE}: the settings of this stack, every key explained")
        if machine.folder.read(".gitignore") is None:
            machine.folder.write(".gitignore", _IGNORED)
    else:
        machine.ui.note(f"wrote the change into {stack_toml.FILE}")


def read_lock(machine: Machine) -> Lock:
    """Return stack.lock, or an empty Lock if there is none."""
    text = machine.folder.read(lock.FILE)
    return lock.parse(text) if text is not None else Lock()


def _wish(written: Spec, text: str | None, changes: Mapping[str, object], *, is_new: bool = False) -> ConfigRequest:
    spec = several_models.settings_in_use(written)
    return ConfigRequest(spec=spec, written=written, text=text, is_new=is_new, changes=changes)


def _parsed(text: str, changes: Mapping[str, object]) -> Spec:
    try:
        return stack_toml.parse(text)
    except ConfigError as e:
        given = {key: list(value) if isinstance(value, tuple) else value for key, value in changes.items()}
        flags = ", ".join(f"{key} = {value!r}" for key, value in given.items())
        hint = f"Correct what was given on the command line: {flags}. Nothing was written."
        raise ConfigError(e.message, hint=hint, issue=e.issue) from e


def _value(before: Spec, dotted: str) -> object:
    value: object = before
    for part in dotted.split("."):
        value = value.get(part) if isinstance(value, Mapping) else getattr(value, part, None)
    return list(value) if isinstance(value, tuple) else value
