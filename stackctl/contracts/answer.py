"""What a server answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stackctl.contracts.json_table import parse_table


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a server answered to one request."""

    status: int
    body: str

    @property
    def table(self) -> Mapping[str, Any]:
        """The body's JSON object; {} where it is anything else."""
        return parse_table(self.body)
