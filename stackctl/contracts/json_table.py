"""JSON objects from outside, as tables: whatever else came counts as an empty one."""

import json
from collections.abc import Mapping
from typing import Any


def parse_table(text: str) -> dict[str, Any]:
    """Return the JSON object that a text is; {} for anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def table_or_empty(value: object) -> Mapping[str, Any]:
    """Return a value of parsed JSON where it is a table, else {}."""
    return value if isinstance(value, Mapping) else {}
