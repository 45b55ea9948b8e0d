"""`stackctl doctor --report FILE`: an archive for who helps, without secrets."""

from pathlib import Path

from stackctl.commands.doctor import Diagnosis
from stackctl.machine import Machine


def write_report(machine: Machine, found: Diagnosis, archive: Path) -> None:
    """Write the archive; raise DataError if it can't be written."""
    raise NotImplementedError(machine, found, archive)
