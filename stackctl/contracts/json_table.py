"""JSON objects from outside, read as tables; any other value counts as an empty table."""

import json
from collections.abc import Mapping
from typing import Any


def parse_table(text: str) -> dict[str, Any]:
    """Return the JSON object that a text contains; {} for any other text."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def table_or_empty(value: object) -> Mapping[str, Any]:
    """Return a value of parsed JSON if it is a table, else {}."""
    return value if isinstance(value, Mapping) else {}
