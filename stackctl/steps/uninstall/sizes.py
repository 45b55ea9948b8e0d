"""The size of what lies in a folder."""

from contextlib import suppress
from pathlib import Path

from stackctl.errors import StackctlError
from stackctl.machine import Machine


def size_of(folder: Path, machine: Machine) -> int | None:
    """Return the bytes of all files in a folder, or of a file; None if it can't be read. No link is followed."""
    with suppress(StackctlError):
        reach = machine.storage.trees.reach(machine.storage.owner_of(folder), closed=folder)
        found = machine.storage.trees.walk(folder, "", within=folder, reach=reach)
        return sum(leaf.size for leaf in found.files)
    return None
