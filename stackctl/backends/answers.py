"""Read the answers that several servers give in the same form. A malformed answer is read as an empty one."""

from collections.abc import Mapping
from typing import Any, Final

from stackctl.contracts.answer import Answer
from stackctl.contracts.json_table import table_or_empty

MODELS: Final = "/v1/models"
PROPS: Final = "/props"
_ENDLESS: Final = 1e12


def good(answers: Mapping[str, Answer], path: str) -> Mapping[str, Any]:
    """Return the JSON object of a 200 answer; {} if there is none."""
    answer = answers.get(path)
    return answer.table if answer and answer.status == 200 else {}


def first_model(answers: Mapping[str, Answer]) -> str:
    """Return the id of the first model in an OpenAI model list; "" if there is none."""
    listed = good(answers, MODELS).get("data")
    first = listed[0] if isinstance(listed, list) and listed else None
    return text(table_or_empty(first).get("id"))


def text(value: object) -> str:
    return value if isinstance(value, str) else ""


def tokens(value: object) -> int:
    return value if type(value) is int and value > 0 else 0


def number(value: object) -> float:
    """Return a positive, finite number; 0.0 for anything else."""
    return float(value) if isinstance(value, int | float) and value is not True and 0 < value < _ENDLESS else 0.0
