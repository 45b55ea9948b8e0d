"""A CDI file: the device files, mounts and hook programs that the engine adds to a container for each device.

Source: https://github.com/cncf-tags/container-device-interface (SPEC.md; pkg/cdi: spec.go, container-edits_unix.go)
"""

from collections.abc import Iterator
from typing import Any, Final

from stackctl.contracts.cdi import CdiFile, Edits, Node

MOST_BYTES: Final = 1 << 20  # of one file; those that nvidia-ctk writes have some kilobytes a GPU
_MOST_ENTRIES: Final = 20_000  # by aliases, a short text can stand for any number
_LONGEST: Final = 1000  # characters of a text
_IN_CONTAINER: Final = {"startContainer"}  # hooks whose program is one of the container
_NULL: Final = {"", "~", "null"}
_TYPES: Final = {"-", "b", "c", "u", "p"}


class _Malformed(ValueError):
    """The message says what the engine can't read."""


def read_cdi(path: str, folder: int, text: str) -> CdiFile:
    """Return what a CDI file says, whatever is in it; text: YAML or JSON."""
    try:
        return CdiFile(path=path, folder=folder, devices=_devices(_content(path, text)))
    except _Malformed as e:
        return CdiFile(path=path, folder=folder, error=str(e))


def _content(path: str, text: str) -> dict[str, Any]:
    from stackctl.core.formats import bounded_json, yaml_text

    try:
        if path.endswith(".json"):
            return bounded_json.parse(text, _MOST_ENTRIES * 10)
        found = yaml_text.texts(text)
    except (ValueError, yaml_text.Error) as e:
        raise _Malformed("it is neither YAML nor JSON") from e
    if not isinstance(found, dict):
        raise _Malformed("it is no table")
    return found


def _devices(content: dict[str, Any]) -> dict[str, Edits]:
    kind, left = _text(content, "kind"), _Count()
    if not all(kind.partition("/")):
        raise _Malformed("its kind is not VENDOR/CLASS")
    common = _edits(content, left)
    found: dict[str, Edits] = {}
    for one in _tables(content, "devices", left):
        name = f"{kind}={_text(one, 'name')}"
        if name in found:
            raise _Malformed(f"it describes {name} twice")
        own = _edits(one, left)
        found[name] = Edits(
            nodes=(*common.nodes, *own.nodes),
            mounts=(*common.mounts, *own.mounts),
            programs=(*common.programs, *own.programs),
        )
        left.take(len(common.paths))
    if not found:
        raise _Malformed("it describes no device")
    return found


def _edits(holder: dict[str, Any], left: "_Count") -> Edits:
    edits = _value(holder, "containerEdits") or {}
    if not isinstance(edits, dict):
        raise _Malformed("its containerEdits is no table")
    hooks = [one for one in _tables(edits, "hooks", left) if _text(one, "hookName") not in _IN_CONTAINER]
    return Edits(
        nodes=tuple(_node(one) for one in _tables(edits, "deviceNodes", left)),
        mounts=tuple(_text(one, "hostPath") for one in _tables(edits, "mounts", left) if _is_bind(one)),
        programs=tuple(_text(one, "path") for one in hooks),
    )


def _node(one: dict[str, Any]) -> Node:
    """Return a node as the engine completes it: a major of 0 and a missing type count as not written."""
    path, major = _text(one, "path"), _number(one, "major")
    kind = _text(one, "type", "-")
    if kind not in _TYPES:
        raise _Malformed(f"its device node {path} has an unknown type")
    return Node(
        path=_text(one, "hostPath", path),
        inside=path,
        major=major,
        minor=_number(one, "minor") if major else 0,
        is_complete=kind != "-" and (major != 0 or kind == "p"),
    )


def _is_bind(mount: dict[str, Any]) -> bool:
    return _text(mount, "type", "bind") in {"bind", "none"}


def _tables(holder: dict[str, Any], key: str, left: "_Count") -> Iterator[dict[str, Any]]:
    found = _value(holder, key) or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise _Malformed(f"its {key} is no list of tables")
    left.take(len(found))
    yield from found


def _value(holder: dict[str, Any], key: str) -> Any:
    """Return a value; None for YAML's null, which is read as a text."""
    found = holder.get(key)
    return None if isinstance(found, str) and found in _NULL else found


def _text(holder: dict[str, Any], key: str, otherwise: str = "") -> str:
    """Return a text; raise _Malformed if there is none and no other to take instead."""
    found = _value(holder, key)
    if found is None and otherwise:
        return otherwise
    if not isinstance(found, str) or not found.isprintable() or not 0 < len(found) <= _LONGEST:
        raise _Malformed(f"it has a {key} that is no usual text")
    return found


def _number(holder: dict[str, Any], key: str) -> int:
    found = _value(holder, key)
    if found is None:
        return 0
    try:
        number = int(found, 0) if isinstance(found, str) else found
    except ValueError:
        number = None
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 1 << 32:
        raise _Malformed(f"it has a {key} that is no number of a device")
    return number


class _Count:
    """Counts entries down."""

    def __init__(self) -> None:
        self._left = _MOST_ENTRIES

    def take(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise _Malformed("it has more entries than are read")
