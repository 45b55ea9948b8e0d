"""Finds the line of a key in a TOML text (neither tomllib nor pydantic keeps lines)."""

import tomlkit
from tomlkit.container import Container
from tomlkit.items import Table


def line_of(text: str, path: tuple[str, ...]) -> int:
    """Return the 1-based line of the key at `path`, or of its nearest parent; 0 if none is in the text."""
    found, depth = 0, 0
    for start, keys in _places(tomlkit.parse(text), (), 1):
        if keys == path[: len(keys)] and len(keys) > depth:
            found, depth = start, len(keys)
    return found


def _places(container: Container, above: tuple[str, ...], line: int) -> list[tuple[int, tuple[str, ...]]]:
    """Yield (line, path) of every key, by counting the rendered lines before it."""
    places: list[tuple[int, tuple[str, ...]]] = []
    for key, item in container.body:
        one = Container()
        one.append(key, item)
        if key is not None:
            keys = (*above, *(part.key for part in getattr(key, "_keys", [key]) or [key]))
            # tomlkit counts a blank line or comment before a table to the table's indentation
            places.append((line + item.trivia.indent.count("\n"), keys))
            if isinstance(item, Table) and not item.is_super_table():
                places += _places(item.value, keys, line + item.trivia.indent.count("\n") + 1)
            elif isinstance(item, Table):
                places += _places(item.value, keys, line)
        line += one.as_string().count("\n")
    return places
