"""Room on the disk for a first start; all that comes later needs next to none, or is asked for where it is fetched."""

from typing import Final

from stackctl.core.plan.stack import Plan
from stackctl.errors import DoesNotFit
from stackctl.machine import Machine
from stackctl.steps.tavern_folder import data_path

_ROOM_MIB: Final = 200  # for SillyTavern's first data and our own files


def refuse_full(plan: Plan, machine: Machine) -> None:
    """Raise DoesNotFit where a disk that the stack is to lie on has no room for its first files."""
    for folder in (machine.path, machine.path / data_path(plan)):
        free = machine.storage.trees.free_mib(folder)
        if free < _ROOM_MIB:
            raise DoesNotFit(
                f"only {free} MiB are free on the disk of {folder}; {_ROOM_MIB} are needed at least",
                hint="free some space: docker system df shows what images and old containers take",
            )
