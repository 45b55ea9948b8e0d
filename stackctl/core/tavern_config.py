"""The name and password in SillyTavern's config.yaml: put in their place, every other byte of the file kept.

PyYAML tells where each value stands, so that only those are exchanged: writing the file anew would lose the comments.
"""

import json
from typing import Final

from stackctl.core.secret import Secret
from stackctl.errors import ConfigError

_BLOCK: Final = "basicAuthUser"
STOCK: Final = ("user", Secret("password"))  # SillyTavern's own; it takes nobody in with them while a password is off


def login(text: str) -> tuple[str, str] | None:
    """The (name, password) that a config.yaml holds; None where there is none. Raises ConfigError for no YAML."""
    block = _read(text).get(_BLOCK)
    if not isinstance(block, dict) or not {"username", "password"} <= block.keys():
        return None
    return str(block["username"]), str(block["password"])


def with_login(text: str, name: str, password: Secret) -> str:
    """The same config.yaml with this name and password. Raises ConfigError where that can't be done."""
    import yaml

    wanted = {"username": json.dumps(name), "password": json.dumps(password.reveal())}  # JSON is YAML
    block = _read(text).get(_BLOCK)
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is None or block is None:
        if root is not None and _BLOCK in _read(text):
            raise _strange()
        head = text if not text or text.endswith("\n") else f"{text}\n"
        return f"{head}{_BLOCK}:\n  username: {wanted['username']}\n  password: {wanted['password']}\n"
    found = next(value for key, value in root.value if key.value == _BLOCK)
    values = {key.value: value for key, value in found.value} if isinstance(found, yaml.MappingNode) else {}
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


def _read(text: str) -> dict[str, object]:
    import yaml

    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as e:
        where = getattr(e, "problem_mark", None)
        raise ConfigError(
            f"SillyTavern's config.yaml is not YAML{f' (line {where.line + 1})' if where else ''}",
            hint="mend it, or move it away: the next deploy makes a new one",
        ) from None  # the error's own text would show lines of the file
    if found is not None and not isinstance(found, dict):
        raise _strange()
    return found or {}


def _strange() -> ConfigError:
    return ConfigError(
        f"SillyTavern's config.yaml has no {_BLOCK} with a username and a password that can be replaced",
        hint=f"take its {_BLOCK} out, or move the file away: the next deploy makes a new one",
    )
