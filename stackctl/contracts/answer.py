"""The answer of a server."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stackctl.contracts.json_table import parse_table


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer of a server to one request."""

    status: int
    body: str

    @property
    def table(self) -> Mapping[str, Any]:
        """Return the body's JSON object; {} if it is anything else."""
        return parse_table(self.body)
