"""Whether SillyTavern has ever been started in this folder: from then on people know its port.

Two things tell: our record, which `stackctl down` leaves, and its container, which is there after a stackctl that was
killed before it could write the record. stack.lock tells nothing: `stackctl render` writes it, too, and with a
repository it comes from another machine.
"""

from collections.abc import Mapping
from contextlib import suppress

from stackctl.core.config.files import STATE
from stackctl.core.observed import ServiceState
from stackctl.core.tavern import container as tavern
from stackctl.errors import DataError
from stackctl.machine import Machine

RECORD = f"{STATE}/sillytavern-has-run"


def has_run(machine: Machine, states: Mapping[str, ServiceState]) -> bool:
    """`states`: of this stack's containers; {} where no engine is asked."""
    return machine.folder.has_file(RECORD) or _was_started(states)


def record_run(machine: Machine, states: Mapping[str, ServiceState]) -> None:
    """Write it down, if it is so by now; a disk that is full or read-only is no reason not to start or stop."""
    if _was_started(states):
        with suppress(DataError):
            machine.folder.write(RECORD, "")


def _was_started(states: Mapping[str, ServiceState]) -> bool:
    page = states.get(tavern.NAME)
    return page is not None and page.started_at > 0
