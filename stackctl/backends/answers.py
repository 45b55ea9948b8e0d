"""What several servers answer in the same form; whatever a stranger sends instead is read as nothing."""

from collections.abc import Mapping
from typing import Any, Final

from stackctl.contracts.answer import Answer
from stackctl.contracts.json_table import table_or_empty

MODELS: Final = "/v1/models"
PROPS: Final = "/props"
_ENDLESS: Final = 1e12


def good(answers: Mapping[str, Answer], path: str) -> Mapping[str, Any]:
    """The JSON object of a 200 answer; {} without one."""
    answer = answers.get(path)
    return answer.table if answer and answer.status == 200 else {}


def first_model(answers: Mapping[str, Answer]) -> str:
    """The id of the first model in OpenAI's list; "" without one."""
    listed = good(answers, MODELS).get("data")
    first = listed[0] if isinstance(listed, list) and listed else None
    return text(table_or_empty(first).get("id"))


def text(value: object) -> str:
    return value if isinstance(value, str) else ""


def tokens(value: object) -> int:
    return value if type(value) is int and value > 0 else 0


def number(value: object) -> float:
    """A positive number that is some measure; 0.0 for anything else, endless ones too."""
    return float(value) if isinstance(value, int | float) and value is not True and 0 < value < _ENDLESS else 0.0
