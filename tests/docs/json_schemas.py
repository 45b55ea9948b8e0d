"""JSON schemas of what the commands print, made of the types in stackctl/report/contract."""

import json
import types
import typing
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints, is_typeddict

from stackctl.report.contract import DECLINED, EVENTS, FAILED, OUTPUTS

_SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean", types.NoneType: "null"}
_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def names() -> Iterator[str]:
    """The name of each file below docs/schemas/."""
    for name in (*OUTPUTS, "error", "declined", "progress"):
        yield f"{name.replace(' ', '-')}.schema.json"


def schemas() -> dict[str, str]:
    """File name below docs/schemas/ -> its text. Any command may print an error instead, which has its own schema."""
    found = {f"{command.replace(' ', '-')}.schema.json": _text(command, kinds) for command, kinds in OUTPUTS.items()}
    return found | {
        "error.schema.json": _text("error", (FAILED,)),
        "declined.schema.json": _text("declined", (DECLINED,)),
        "progress.schema.json": _text("--progress json", EVENTS),
    }


def schema(title: str, kinds: Iterable[type]) -> dict[str, Any]:
    """The schema of one of these types; keys that are not in it are refused."""
    forms = [_object(kind) for kind in kinds]
    return {"$schema": _DRAFT, "title": f"stackctl {title}", **(forms[0] if len(forms) == 1 else {"oneOf": forms})}


def keys(kind: type) -> dict[str, tuple[str, str]]:
    """Key -> its type in a few words, and what it means ("" where the name says it)."""
    hints = get_type_hints(kind, include_extras=True)
    return {key: (_words(_bare(hint)), _meaning(hint)) for key, hint in hints.items()}


def nested(kind: type) -> dict[str, type]:
    """Name -> type of each object that lies within one, at any depth, in the order in which they come."""
    found: dict[str, type] = {}
    for hint in get_type_hints(kind).values():
        for inner in _objects(hint):
            found |= {inner.__name__: inner, **nested(inner)}
    return found


def _text(title: str, kinds: Iterable[type]) -> str:
    return json.dumps(schema(title, kinds), indent=2) + "\n"


def _object(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {
        "description": str(kind.__doc__),
        "type": "object",
        "properties": {key: _property(hint) for key, hint in hints.items()},
        "required": [*hints],
        "additionalProperties": False,
    }


def _property(hint: Any) -> dict[str, Any]:
    meaning = _meaning(hint)
    return {**({"description": meaning} if meaning else {}), **_form(_bare(hint))}


def _form(hint: Any) -> dict[str, Any]:
    """A type without its description."""
    if hint is Any:
        return {}
    if hint in _SIMPLE:
        return {"type": _SIMPLE[hint]}
    if is_typeddict(hint):
        return _object(hint)
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return {"const": inner[0]} if len(inner) == 1 else {"enum": [*inner]}
    if origin is list:
        return {"type": "array", "items": _form(inner[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _form(inner[1]) or True}
    if origin in {types.UnionType, typing.Union}:
        return {"anyOf": [_form(one) for one in inner]}
    raise TypeError(f"{hint} has no JSON schema")


def _words(hint: Any) -> str:
    if hint is Any:
        return "any"
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if is_typeddict(hint):
        return f"`{hint.__name__}`"
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " or ".join(f"`{json.dumps(one)}`" for one in inner)
    if origin is list:
        return f"list of {_words(inner[0])}"
    if origin is dict:
        return f"table of {_words(inner[1])}"
    return " or ".join(_words(one) for one in inner)


def _objects(hint: Any) -> Iterable[type]:
    if is_typeddict(hint):
        yield hint
    for inner in get_args(hint):
        yield from _objects(inner)


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _meaning(hint: Any) -> str:
    return str(get_args(hint)[1]) if get_origin(hint) is Annotated else ""
