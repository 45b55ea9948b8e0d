"""What would happen to one container."""

from dataclasses import dataclass
from typing import Literal

Action = Literal["create", "recreate", "start", "remove", "leave"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """What would happen to one container, and why."""

    service: str
    action: Action
    reason: str
