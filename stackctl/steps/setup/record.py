"""The record of what `stackctl setup` added to this machine."""

from stackctl.core.setup.record import FILE, Added, read_record, write_record
from stackctl.machine import Machine


def recorded(machine: Machine) -> tuple[Added, ...]:
    """Return what `stackctl setup` added to this machine, the first first; () if it added nothing."""
    return read_record(machine.storage.folder(machine.storage.data).read(FILE, errors="replace"))


def record(machine: Machine, added: tuple[Added, ...]) -> None:
    """Write the whole record; without anything added there is no file."""
    folder = machine.storage.folder(machine.storage.data)
    if added:
        folder.make("")
        folder.write(FILE, write_record(added))
    elif folder.has_file(FILE):
        folder.remove(FILE)
