"""What would happen to one container."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Change:
    """What would happen to one container, and why."""

    service: str
    action: str  # create, recreate, start, remove
    why: str
