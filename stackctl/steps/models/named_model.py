"""The model that a command line names, as stack.toml names it."""

from pathlib import Path

from stackctl.core.config.files import DEMO
from stackctl.core.hub import ollama, pasted
from stackctl.core.hub.source import Source
from stackctl.errors import ConfigError, ModelError
from stackctl.machine import Machine


def named_model(machine: Machine, text: str, folder: Path | None = None) -> str:
    """Return a model's name as `hf:...`, an address or a path; a path that exists always wins.

    `folder`: the base of relative paths; None: the stack's. Raise ConfigError for a name that means a model elsewhere,
    which stackctl can't fetch, and ModelError for a path that does not exist and looks like a file of a repository.
    """
    base = folder or machine.path

    def is_here(path: str) -> bool:
        folder, _, name = path.rpartition("/")
        is_in_ollamas = ":" in name and machine.storage.is_here(f"{folder or '.'}/{ollama.MANIFESTS}", base)
        return is_in_ollamas or machine.storage.is_here(path, base)

    if text == DEMO:
        return text
    try:
        found = pasted.read(text, is_here)
    except ConfigError as e:
        raise _with_copy(machine, text, e) from None
    if pasted.is_inside(found) and not is_here(found.partition("/")[0]):
        raise ModelError(
            f"there is no model at {machine.storage.locate(found, base)}",
            hint=pasted.hint_at_source(found),
            issue="model-missing",
        )
    return found


def named_source(machine: Machine, text: str) -> Source:
    """Return the source that a text names, which can't be a path; raise ConfigError if it names none."""
    from stackctl.steps.models.pull import parse_source

    try:
        return parse_source(text)
    except ConfigError as e:
        raise _with_copy(machine, text, e) from None


def _with_copy(machine: Machine, text: str, error: ConfigError) -> ConfigError:
    """Return the error with a hint at the copy that Ollama has on this machine, if there is one."""
    name = ollama.model_name(pasted.unwrapped(text))
    copy = machine.storage.ollama_copy(name) if name else None
    return ConfigError(error.message, hint=ollama.hint_at_copy(str(copy)), issue=error.issue) if copy else error
