"""stack.toml as text: read, with every mistake reported at once; changed, comments kept; written as an example."""

import json
import re
import tomllib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from stackctl.core.config.section import Section
from stackctl.core.config.spec import OneModel, Spec
from stackctl.errors import ConfigError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

FILE = "stack.toml"
_NOT_TOML = "Correct {} there. In an empty folder `stackctl init` writes one that explains every key."


def parse(text: str, *, source: str = FILE) -> Spec:
    """Read stack.toml's text; raise one ConfigError that lists every mistake with its line."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise ConfigError(f"{source} is not TOML: {e}", hint=_NOT_TOML.format(source)) from e
    try:
        return Spec.model_validate(_lists_to_tuples(values))
    except ValidationError as e:
        mistakes = [_mistake(detail, text) for detail in e.errors(include_url=False)]
    listed = "\n".join(
        f"  {source}:{line}: {path}: {says}" if line else f"  {source}: {path}: {says}"
        for line, path, says in sorted(mistakes)
    )
    count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    raise ConfigError(f"{count} in {source}\n{listed}", hint=f"Change the lines above in {source}.")


def edited(text: str, changes: Mapping[str, object]) -> str:
    """Return the text with values set by dotted key; comments and order stay. The result is not validated."""
    import tomlkit  # slow to load, and needed only for an edit or a mistake
    import tomlkit.exceptions

    try:
        document = tomlkit.parse(text)
    except tomlkit.exceptions.TOMLKitError as e:
        raise ConfigError(f"{FILE} is not TOML: {e}", hint=_NOT_TOML.format(FILE)) from e
    for dotted, value in changes.items():
        *tables, key = dotted.split(".")
        place: Any = document
        for table in tables:
            if not isinstance(place.get(table), Mapping):
                place[table] = tomlkit.table(is_super_table=table != tables[-1])
            place = place[table]
        place[key] = value
    written = tomlkit.dumps(document)
    return re.sub(r"(?<!\r)\n", "\r\n", written) if "\r\n" in text else written


def example(values: Mapping[str, object] | None = None) -> str:
    """Return the commented stack.toml: every key with its meaning, at its default or at the given value."""
    chosen = dict(values or {})
    lines = ["# The stack of this folder. `stackctl deploy` reads it; every key has a default.", ""]
    lines += _commented(Spec, "", chosen)
    for section, field in Spec.model_fields.items():
        if isinstance(field.default, Section):
            lines += [f"[{section}]", *_commented(type(field.default), f"{section}.", chosen)]
            for key, nested in type(field.default).model_fields.items():
                if isinstance(nested.default, Section):
                    inner = f"{section}.{key}"
                    lines += [f"[{inner}]", *_commented(type(nested.default), f"{inner}.", chosen)]
        elif isinstance(field.default, dict):
            lines += _tables(section, field.description or "", OneModel)
    return "\n".join(lines).rstrip() + "\n"


def schema() -> dict[str, Any]:
    """Return the JSON schema of stack.toml, for editors."""
    return {"$schema": "http://json-schema.org/draft-07/schema#", **Spec.model_json_schema()}


def _tables(section: str, says: str, kind: type[BaseModel]) -> list[str]:
    """Return a table of tables as a commented example: it has no entry by default."""
    keys = [f"# {key} = {_as_toml('/path/to/model.gguf' if field.is_required() else field.default)}"
            for key, field in kind.model_fields.items()]  # fmt: skip
    return [f"# {says}", f"# [{section}.NAME]", *keys, ""]


def _commented(section: type[BaseModel], prefix: str, chosen: Mapping[str, object]) -> list[str]:
    lines: list[str] = []
    for key, field in section.model_fields.items():
        if isinstance(field.default, Section | dict):
            continue
        value = chosen.get(prefix + key, field.default)
        lines += [f"# {line}" for line in (field.description or "").splitlines()]
        lines += [f"{key} = {_as_toml(value)}", ""]
    return lines


def _as_toml(value: object) -> str:
    """Return a text, number or list of texts as TOML: JSON's form, which differs in one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _lists_to_tuples(value: Any) -> Any:
    """Convert TOML's lists to the tuples of the frozen values; pydantic's strict mode does not."""
    if isinstance(value, dict):
        return {key: _lists_to_tuples(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _mistake(detail: "ErrorDetails", text: str) -> tuple[int, str, str]:
    from stackctl.core.config.toml_lines import line_of

    path = tuple(str(part) for part in detail["loc"] if part != "[key]")
    line = line_of(text, path)
    if detail["type"] == "extra_forbidden":
        return line, ".".join(path), "unknown key" + _suggestion(path)
    if detail["type"] == "missing":
        return line, ".".join(path), "is missing"
    if detail["type"] in {"model_type", "dict_type"}:
        return line, ".".join(path), "must be a table, not " + repr(detail["input"])
    says = detail["msg"].removeprefix("Value error, ")
    kinds = {
        "string_type": f"must be text in quotes, not {detail['input']!r}",
        "tuple_type": f'must be a list of texts such as ["a", "b"], not {detail["input"]!r}',
        "string_too_short": "must not be empty",
        "too_short": "must not be empty",
    }
    return line, ".".join(path), kinds.get(detail["type"], says)


def _suggestion(path: tuple[str, ...]) -> str:
    import difflib

    section: type[BaseModel] = Spec
    for part in path[:-1]:
        found = section.model_fields.get(part)  # None for the name of a table, which the user chose
        kind = found and (OneModel if isinstance(found.default, dict) else found.annotation)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            section = kind
    close = difflib.get_close_matches(path[-1], section.model_fields, n=1, cutoff=0.5)
    if close:
        return f" (did you mean {close[0]}?)"
    elsewhere = [
        f"[{name}] {path[-1]}"
        for name, field in Spec.model_fields.items()
        if isinstance(field.default, Section) and path[-1] in type(field.default).model_fields
    ]
    known = ", ".join(section.model_fields)
    return f" (it belongs under {elsewhere[0]})" if elsewhere else f" (known here: {known})"
