"""A YAML text as nodes, each of which knows where it stands.

The nodes alone are looked at: making values of them could take all the memory or fail, as merged tables multiply and
a tag may say what its text is not.
"""

from typing import Any

from stackctl.errors import ConfigError


def root(text: str, name: str, *, hint: str) -> Any:
    """The uppermost node; None: there is none. Raises ConfigError, with this hint, for what is not YAML."""
    import yaml

    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as e:  # the last two: an escape for no character
        where = getattr(e, "problem_mark", None)
        line = f" (line {where.line + 1})" if where else ""
        raise ConfigError(f"{name} is not YAML{line}", hint=hint) from None  # its own text would show lines of the file
