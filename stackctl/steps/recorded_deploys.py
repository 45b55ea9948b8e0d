"""The successful deploys that are recorded in this folder, as `stackctl history` shows them."""

from collections.abc import Callable, Iterator
from contextlib import suppress

from stackctl.core import history
from stackctl.core.history import Record
from stackctl.errors import StackctlError
from stackctl.machine import Machine

_MOST_BYTES = 1 << 20  # of one record; a model of 500 parts makes about 150 kB


def recorded_deploys(machine: Machine) -> Iterator[tuple[int, Record]]:
    """Give each recorded deploy with its number, the newest first; skip any other file with a note."""
    for name in machine.storage.trees.names(machine.path / history.FOLDER):
        if history.number_of(name) is None:
            machine.ui.warn(f"{history.FOLDER}/{name} is not a record of a deploy")
    for number in sorted(numbers(machine), reverse=True):
        if record := _record(number, machine):
            yield number, record
        else:
            machine.ui.warn(f"{place(number)} is damaged, or another version of stackctl wrote it: it is skipped")


def last_deploy(machine: Machine, suits: Callable[[Record], bool]) -> Record | None:
    """Return the newest record that suits; None without one, or if they can't be read."""
    with suppress(StackctlError):
        for number in sorted(numbers(machine), reverse=True):
            record = _record(number, machine)
            if record and suits(record):
                return record
    return None


def numbers(machine: Machine) -> tuple[int, ...]:
    """Return the numbers of the recorded deploys, in no order."""
    found = map(history.number_of, machine.storage.trees.names(machine.path / history.FOLDER))
    return tuple(number for number in found if number is not None)


def place(number: int) -> str:
    """Return where the deploy of that number is recorded."""
    return f"{history.FOLDER}/{history.file_name(number)}"


def _record(number: int, machine: Machine) -> Record | None:
    """Return a recorded deploy; None if it can't be understood."""
    return history.parse(machine.folder.read(place(number), most=_MOST_BYTES, errors="replace") or "")
