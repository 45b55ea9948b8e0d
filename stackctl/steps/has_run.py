"""Whether SillyTavern has ever been started in this folder: from then on people know its port.

Two things show it: our record, which `stackctl down` leaves, and SillyTavern's container, if stackctl was killed before
it could write the record. stack.lock does not show it: `stackctl render` writes it, too, and in a repository it comes
from another machine.
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
    """Return whether SillyTavern has run here. `states`: of this stack's containers; {} if no engine is asked."""
    return machine.folder.has_file(RECORD) or _was_started(states)


def record_run(machine: Machine, states: Mapping[str, ServiceState]) -> None:
    """Record that SillyTavern has run, if it has. A full or read-only disk does not keep the stack from starting."""
    if _was_started(states):
        with suppress(DataError):
            machine.folder.write(RECORD, "")


def _was_started(states: Mapping[str, ServiceState]) -> bool:
    page = states.get(tavern.NAME)
    return page is not None and page.started_at > 0
