"""`stackctl history`: the successful deploys of this folder, and what changed from each to the next."""

from dataclasses import dataclass, replace
from itertools import pairwise

from stackctl.core.history import Record, differences
from stackctl.machine import Machine
from stackctl.steps.recorded_deploys import recorded_deploys


@dataclass(frozen=True, kw_only=True)
class Past:
    """A deploy. `changes`: texts, compared with the one before; () for none; None if that one is not recorded."""

    number: int
    record: Record
    changes: tuple[str, ...] | None = None


def history(machine: Machine) -> tuple[Past, ...]:
    """Return the deploys that are recorded in this folder, the newest first; () for none."""
    found = [Past(number=number, record=record) for number, record in recorded_deploys(machine)]
    with_changes = (replace(now, changes=differences(before.record, now.record)) for now, before in pairwise(found))
    return (*with_changes, *found[-1:])
