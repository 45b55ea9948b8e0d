"""An adopted config.yaml: what in it can't hold in a stack, changed where it stands, comments kept.

Most of what a stack needs it says by environment or argument, which win; these keys it says nowhere else.
Source: SillyTavern 1.19.0, default/config.yaml and src/command-line.js.
"""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from stackctl.core.formats import yaml_nodes
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


def decoded(raw: bytes) -> tuple[str, str]:
    """Return (a config.yaml's text, its encoding), which is "" for UTF-8, the only one that SillyTavern reads.

    What can't be decoded counts as U+FFFD, as SillyTavern has it.
    """
    for mark, encoding in ((codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16")):
        if raw.startswith(mark):
            return raw.decode(encoding, "replace"), encoding
    if raw[1:2] == b"\0" or raw[:1] == b"\0":
        encoding = "UTF-16-LE" if raw[1:2] == b"\0" else "UTF-16-BE"
        return raw.decode(encoding, "replace"), encoding
    try:
        return raw.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
        if re.search(r"[\x80-\x9f]", text):  # of another code page, or damaged
            return raw.decode("utf-8-sig", "replace"), ""
        return text, "Latin-1"


def data_root(text: str, source: str) -> str:
    """The data folder that config.yaml names, relative to SillyTavern's folder or absolute; ConfigError if damaged."""
    named = _value(_at(_root(text, source), "dataRoot"))
    return named.removeprefix("./").rstrip("/") or "." if isinstance(named, str) and named else "data"


def host_names(text: str, source: str) -> tuple[str, ...]:
    """Return the names that its whitelist of hosts has, whether it is on or off: a stack's is always on."""
    import yaml

    hosts = _at(_root(text, source), "hostWhitelist.hosts")
    listed = hosts.value if isinstance(hosts, yaml.SequenceNode) else ()
    return tuple(one.value for one in listed if isinstance(one, yaml.ScalarNode))


def neutral(text: str, source: str) -> tuple[str, tuple[Change, ...]]:
    """A config.yaml that lets a stack run, and what was changed; ConfigError where that can't be changed."""
    changes = sorted(_unfit(_root(text, source), source), key=lambda one: -one[0])
    changed = text
    for start, end, change in changes:
        before, after = changed[:start], changed[end:]
        blank = "" if before[-1:].isspace() or before[-1:] in {"[", "{", ","} else " "  # an empty value has none
        newline = "\n" if changed[start:end].endswith("\n") else ""  # a block has one
        changed = f"{before}{blank}{json.dumps(change.after)}{newline}{after}"
    if changes and not _says(changed, [one for _, _, one in changes]):
        raise _unchangeable(", ".join(one.key for _, _, one in reversed(changes)), source)
    return changed, tuple(change for _, _, change in changes)


def _says(text: str, changes: Iterable[Change]) -> bool:
    """Whether a config.yaml has these values; False too for what is not YAML any more, as an alias lacks its value."""
    try:
        root = _root(text, "")
    except ConfigError:
        return False
    return all(_value(_at(root, one.key)) == one.after for one in changes)


def _unfit(root: Any, source: str) -> Iterator[tuple[int, int, Change]]:
    """(start, end, change) of each value that can't hold in a stack."""
    import yaml

    for key, value, why in _NEUTRAL:
        node = _at(root, key)
        if not isinstance(node, yaml.ScalarNode):
            continue
        before = _value(node)
        if before == value or (key == "dataRoot" and str(before).removeprefix("./").rstrip("/") == "data"):
            continue
        if _is_elsewhere(root, key):
            raise _unchangeable(key, source)
        yield node.start_mark.index, node.end_mark.index, Change(key=key, before=before, after=value, why=why)


def _root(text: str, source: str) -> Any:
    return yaml_nodes.root(text, source, hint="Fix it, or move it away.")


def _steps(root: Any, dotted: str) -> Iterator[tuple[Any, Any]]:
    """The (key, value) of each part of a dotted key, as far as they are there."""
    import yaml

    for part in dotted.split("."):
        pairs = root.value if isinstance(root, yaml.MappingNode) else ()
        found = [pair for pair in pairs if isinstance(pair[0], yaml.ScalarNode) and pair[0].value == part]
        if not found:
            return
        yield found[-1]
        root = found[-1][1]


def _at(root: Any, dotted: str) -> Any:
    """The node at a dotted key; None: there is none."""
    steps = list(_steps(root, dotted))
    return steps[-1][1] if len(steps) == len(dotted.split(".")) else None


def _is_elsewhere(root: Any, dotted: str) -> bool:
    """Whether the value stands at another key, and this one has an alias of it."""
    return any(value.start_mark.index < key.start_mark.index for key, value in _steps(root, dotted))


def _value(node: Any) -> Any:
    """What SillyTavern reads there; its YAML is 1.2, in which yes and no are texts."""
    import yaml

    if not isinstance(node, yaml.ScalarNode):
        return None
    text: str = node.value
    if node.style or node.tag == "tag:yaml.org,2002:str":
        return text
    if text in {"", "~", "null", "Null", "NULL"}:
        return None
    if text in {"true", "True", "TRUE", "false", "False", "FALSE"}:
        return text.lower() == "true"
    return int(text) if re.fullmatch(r"[-+]?[0-9]{1,18}", text) else text


def _unchangeable(key: str, source: str) -> ConfigError:
    return ConfigError(
        f"{source}: {key} can't be changed where it stands, as an alias (*) or an odd form is there",
        hint=f"Write {key} and its value on a line of their own, or move the file away.",
    )
