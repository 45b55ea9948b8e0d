"""The name and password in SillyTavern's config.yaml: they are replaced in place, and every other byte stays.

PyYAML reports the position of each value, so that only these are replaced; dumping the file would lose its comments.
"""

import json
from typing import Any, Final

from stackctl.core.formats import yaml_nodes
from stackctl.errors import ConfigError
from stackctl.secret import Secret

_BLOCK: Final = "basicAuthUser"
_NAMES: Final = ("username", "password")
STOCK: Final = ("user", Secret("password"))  # SillyTavern's default, which has no effect while its password is off
MOST_BYTES: Final = 1 << 20  # of the file; SillyTavern's default has about 15 kB


def login(text: str) -> tuple[str, str] | None:
    """Return the (name, password) in a config.yaml; None if it has none. Raise ConfigError if it is not YAML."""
    import yaml

    found = _scalars(_block(text))
    if not found.keys() >= set(_NAMES) or not all(isinstance(one, yaml.ScalarNode) for one in found.values()):
        return None
    return found["username"].value, found["password"].value


def with_login(text: str, name: str, password: Secret) -> str:
    """Return the config.yaml with this name and password. Raise ConfigError if they can't be replaced."""
    wanted = {"username": json.dumps(name), "password": json.dumps(password.reveal())}  # JSON is YAML
    block = _block(text)
    if block is None:
        head = text if not text or text.endswith("\n") else f"{text}\n"
        return f"{head}{_BLOCK}:\n  username: {wanted['username']}\n  password: {wanted['password']}\n"
    values = _scalars(block)
    if not wanted.keys() <= values.keys():
        raise _strange()
    for value in sorted((values[key] for key in wanted), key=lambda node: -node.start_mark.index):
        key = next(key for key in wanted if values[key] is value)
        before, after = text[: value.start_mark.index], text[value.end_mark.index :]
        blank = "" if before.endswith(" ") else " "  # an empty value has none
        newline = "\n" if text[value.start_mark.index : value.end_mark.index].endswith("\n") else ""  # a block has one
        text = f"{before}{blank}{wanted[key]}{newline}{after}"
    if login(text) != (name, password.reveal()):
        raise _strange()
    return text


def _block(text: str) -> Any:
    """Return the node of the login; None if the file has none."""
    import yaml

    root = yaml_nodes.root(
        text, "SillyTavern's config.yaml", hint="Fix it, or move it away: the next `stackctl deploy` writes a new one."
    )
    if root is None or (isinstance(root, yaml.ScalarNode) and root.tag == "tag:yaml.org,2002:null"):
        return None
    if not isinstance(root, yaml.MappingNode):
        raise _strange()
    return next((value for key, value in root.value if key.value == _BLOCK), None)


def _scalars(block: Any) -> dict[str, Any]:
    """Return the nodes of name and password in the login's node."""
    import yaml

    if not isinstance(block, yaml.MappingNode):
        return {}
    return {key.value: value for key, value in block.value if key.value in _NAMES}


def _strange() -> ConfigError:
    return ConfigError(
        f"SillyTavern's config.yaml has no {_BLOCK} with a username and a password that stackctl can replace",
        hint=f"Remove its {_BLOCK}, or move the file away: the next `stackctl deploy` writes a new one.",
        issue="sillytavern-settings-refused",
    )
