"""An adopted config.yaml: what in it can't hold in a stack, changed where it stands, comments kept.

Most of what a stack needs it says by environment or argument, which win; these keys it says nowhere else.
Source: SillyTavern 1.19.0, default/config.yaml and src/command-line.js.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from stackctl.errors import ConfigError

# dotted key, value in a stack, why
_NEUTRAL: Final[tuple[tuple[str, Any, str], ...]] = (
    ("dataRoot", "./data", "the stack's own data folder"),
    ("port", 8000, "inside the container; sillytavern.port in stack.toml is the one to open"),
    ("listenAddress.ipv4", "0.0.0.0", "inside the container"),  # noqa: S104 - the port is published on loopback
    ("protocol.ipv4", True, "the stack's networks are IPv4"),
    ("ssl.enabled", False, "the health check and the proof ask by plain HTTP"),
    ("whitelistMode", True, "the stack lists who may come in"),
    ("basicAuthMode", False, "sillytavern.expose in stack.toml gives the stack a password"),
    ("perUserBasicAuth", False, "the same"),
    ("enableUserAccounts", False, "the proof can't log in; the users' data is all taken"),
    ("disableCsrfProtection", False, "any web page could change chats"),
    ("privateAddressWhitelist.enabled", False, "the backend has a private address"),
    ("requestProxy.enabled", False, "the backend can't be reached through a proxy"),
)


@dataclass(frozen=True, kw_only=True)
class Change:
    """A key whose value can't hold in a stack."""

    key: str
    before: Any
    after: Any
    why: str


def data_root(text: str, source: str) -> str:
    """The data folder that config.yaml names, relative to SillyTavern's folder or absolute; ConfigError if damaged."""
    import yaml

    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as e:
        problem = str(e).splitlines()[0]
        raise ConfigError(f"{source} is not YAML: {problem}", hint="mend it, or move it away") from e
    named = found.get("dataRoot") if isinstance(found, dict) else None
    return named.removeprefix("./").rstrip("/") or "." if isinstance(named, str) and named else "data"


def host_names(text: str) -> tuple[str, ...]:
    """Return the names that its whitelist of hosts has, whether it is on or off: a stack's is always on."""
    import yaml

    found: Any = yaml.safe_load(text)
    for key in ("hostWhitelist", "hosts"):
        found = found.get(key) if isinstance(found, dict) else None
    return tuple(map(str, found)) if isinstance(found, list) else ()


def neutral(text: str) -> tuple[str, tuple[Change, ...]]:
    """A config.yaml (valid YAML) that lets a stack run, and what was changed."""
    import yaml

    scalars = dict(_scalars(yaml.compose(text, Loader=yaml.SafeLoader), ""))
    changes: list[tuple[int, int, Change]] = []
    for key, value, why in _NEUTRAL:
        node = scalars.get(key)
        before = yaml.safe_load(text[node.start_mark.index : node.end_mark.index]) if node else None
        same = before == value or (key == "dataRoot" and str(before).removeprefix("./").rstrip("/") == "data")
        if node and not same:
            change = Change(key=key, before=before, after=value, why=why)
            changes.append((node.start_mark.index, node.end_mark.index, change))
    for start, end, change in sorted(changes, key=lambda one: -one[0]):
        text = text[:start] + json.dumps(change.after) + text[end:]
    return text, tuple(change for _, _, change in changes)


def _scalars(node: Any, above: str) -> list[tuple[str, Any]]:
    import yaml

    if not isinstance(node, yaml.MappingNode):
        return []
    found: list[tuple[str, Any]] = []
    for key, value in node.value:
        dotted = f"{above}{key.value}"
        found += [(dotted, value)] if isinstance(value, yaml.ScalarNode) else _scalars(value, f"{dotted}.")
    return found
