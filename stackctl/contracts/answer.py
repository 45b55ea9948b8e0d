"""What a server answered."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a server answered to one request."""

    status: int
    body: str

    @property
    def table(self) -> Mapping[str, Any]:
        """The body's JSON object; {} where it is anything else."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}
