"""Converts frozen dataclasses to JSON values and back; the type of each field decides which values it accepts."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

_PLAIN: Final[Mapping[type, tuple[type, ...]]] = {str: (str,), bool: (bool,), int: (int,), float: (int, float)}


def to_plain(value: Any) -> Any:
    """Return a dataclass and its content as tables, lists and plain values; raise TypeError for any other value."""
    if is_dataclass(value):
        return {one.name: to_plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(one) for one in value]
    if value is None or type(value) in _PLAIN:
        return value
    raise TypeError(f"a {type(value).__name__} has no place in JSON")


def from_plain(kind: Any, raw: Any) -> Any:
    """Return the value of this kind (a dataclass, or a field's type) from which to_plain() made `raw`.

    Missing keys get the field's default; unknown keys are ignored. Raise TypeError or ValueError for anything else.
    """
    if is_dataclass(kind):
        table = _as(dict, raw)
        return kind(**{one.name: from_plain(one.type, table[one.name]) for one in fields(kind) if one.name in table})  # type: ignore[operator]  # it is a class
    outer, inner = get_origin(kind), get_args(kind)
    if outer in (Union, UnionType):  # a type or None
        return None if raw is None else from_plain(next(one for one in inner if one is not NoneType), raw)
    if outer is Literal:
        if raw not in inner:
            raise ValueError(f"{raw!r:.40} is none of {', '.join(map(repr, inner))}")
        return raw
    if outer is tuple:
        return tuple(from_plain(inner[0], one) for one in _as(list, raw))
    if outer is Mapping:
        return {key: from_plain(inner[1], one) for key, one in _as(dict, raw).items()}
    return _as(kind, raw)


def _as(kind: type, raw: Any) -> Any:
    """Return `raw` if it has exactly this type (true is no number); raise TypeError if not."""
    if type(raw) not in _PLAIN.get(kind, (kind,)):
        raise TypeError(f"{raw!r:.40} is no {kind.__name__}")
    return raw
