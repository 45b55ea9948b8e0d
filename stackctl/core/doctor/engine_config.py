"""The engine's configuration, daemon.json: what is wrong with it, and a setting more in it. All else stays as it is.

Source: moby's daemon/config/config.go (a file without text is none, a byte order mark is taken, a name that is no
option is refused).
"""

import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn

Settings = Mapping[str, Any]
_MARK: Final = "\ufeff"  # the byte order mark
_INDENT: Final = "  "
_SPACE: Final = " \t\r\n"


def config_error(text: str) -> str:
    """Return why a text is no configuration, as a clause with its line; "" if it is one."""
    try:
        _load(text)
    except json.JSONDecodeError as error:
        return f"line {error.lineno}, column {error.colno}: {error.msg}"
    except (ValueError, RecursionError) as error:
        return str(error)
    return ""


def with_settings(text: str, settings: Settings) -> str:
    """Return the configuration with these settings in it, where a mapping adds to a mapping; "" if it is damaged.

    The order, the indentation and all that the user wrote stay, but for the value of a setting that is replaced.
    """
    if config_error(text):
        return ""
    whole = _merged(_load(text), settings)
    bare = text.removeprefix(_MARK)
    if not bare.strip():
        return json.dumps(whole, indent=_INDENT) + "\n"
    edited = bare
    for key, value in settings.items():
        edited = _edit(edited, 0, key, value, depth=1)
    if _load(edited) != whole:  # such as a key that the file has twice
        return ""
    return text[: len(text) - len(bare)] + edited


def _load(text: str) -> dict[str, Any]:
    """Return the settings of a text; raise ValueError if it is none."""
    bare = text.removeprefix(_MARK)
    if not bare.strip():
        return {}
    if "\ufffd" in bare:
        raise ValueError("it is not in UTF-8")
    found = json.loads(bare, parse_constant=_refuse, object_pairs_hook=_unique)
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - one error for all that is wrong with a text
    return found


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"it has {json.dumps(twice)} twice")
    return found


def _merged(whole: Settings, settings: Settings) -> dict[str, Any]:
    found = dict(whole)
    for key, value in settings.items():
        old = found.get(key)
        found[key] = _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return found


def _edit(text: str, at: int, key: str, value: Any, depth: int) -> str:
    """Return the text with a setting in the object that begins at or after `at`."""
    opened = text.index("{", at)
    members, closed = _members(text, opened)
    if key not in members:
        return _added(
            text, opened, closed, key, value, depth, last=max((end for _, end in members.values()), default=0)
        )
    start, end = members[key]
    if isinstance(value, Mapping) and text[start] == "{":
        for inner, wanted in value.items():
            text = _edit(text, start, inner, wanted, depth + 1)
        return text
    return text[:start] + json.dumps(value) + text[end:]


def _members(text: str, opened: int) -> tuple[dict[str, tuple[int, int]], int]:
    """Return (key -> where its value begins and ends, where the object is closed)."""
    decoder, found = json.JSONDecoder(), dict[str, tuple[int, int]]()
    at = _skip(text, opened + 1)
    while text[at] != "}":
        key, at = decoder.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)  # behind the colon
        _, end = decoder.raw_decode(text, start)
        found[key] = (start, end)
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found, at


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def _added(text: str, opened: int, closed: int, key: str, value: Any, depth: int, *, last: int) -> str:
    """Return the text with a member behind the last one of an object, in lines as this one has them."""
    before = text[opened + 1 : _skip(text, opened + 1)]
    if last and "\n" not in before:  # all in one line
        return f"{text[:last]}, {json.dumps(key)}: {json.dumps(value)}{text[last:]}"
    unit = _unit(text)
    inner = before.rpartition("\n")[2] if last else unit * depth
    outer = inner.removesuffix(unit)
    shown = json.dumps(value, indent=unit).replace("\n", f"\n{inner}")
    member = f"\n{inner}{json.dumps(key)}: {shown}"
    if last:
        return f"{text[:last]},{member}{text[last:]}"
    return f"{text[: opened + 1]}{member}\n{outer}{text[closed:]}"


def _unit(text: str) -> str:
    """Return the indentation of one level: that of the first member of the whole."""
    start = text.index("{") + 1
    space = text[start : _skip(text, start)]
    return space.rpartition("\n")[2] or _INDENT if "\n" in space else _INDENT
