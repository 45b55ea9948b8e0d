"""What `doctor --report` writes beside the files that it collects."""

from typing import TYPE_CHECKING, Any

from stackctl.commands.status import status
from stackctl.errors import StackctlError
from stackctl.report.failure import failed
from stackctl.report.status_json import status_values
from stackctl.steps.doctor.report_files import is_unreachable

if TYPE_CHECKING:
    from stackctl.machine import Machine
    from stackctl.report.contract import doctor as contract


def documents(values: "contract.Diagnosis", machine: "Machine") -> dict[str, tuple[str, Any]]:
    """Return the diagnosis and the status as JSON, each with what it is."""
    return {
        "doctor.json": ("what `stackctl doctor` found", values),
        "status.json": ("what `stackctl status` says", _status(machine)),
    }


def _status(machine: "Machine") -> Any:
    if is_unreachable(machine):
        return {"problem": "the engine does not answer"}
    try:
        return status_values(status(machine))
    except StackctlError as error:
        return failed(error)
