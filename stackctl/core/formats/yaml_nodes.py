"""A YAML text as nodes, each of which knows its position.

No values are made of them: merged tables could multiply until the memory is full, and a tag may not match its text.
"""

from typing import Any

from stackctl.errors import ConfigError


def root(text: str, name: str, *, hint: str) -> Any:
    """Return the topmost node, None if the text is empty. Raise ConfigError, with this hint, if it is not YAML."""
    import yaml

    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as e:  # the last two: a bad escape
        where = getattr(e, "problem_mark", None)
        line = f" (line {where.line + 1})" if where else ""
        raise ConfigError(
            f"{name} is not YAML{line}", hint=hint
        ) from None  # PyYAML's message would show lines of the file
