"""`stackctl doctor --fix`: repairs what stackctl can repair safely, one yes each, and checks again."""

from collections.abc import Callable

from stackctl.commands.doctor import Diagnosis
from stackctl.machine import Machine


def repair(machine: Machine, found: Diagnosis, *, agrees: Callable[[str], bool]) -> Diagnosis:
    """Offer each repair of `found.repairable`, and return the diagnosis after those that the user agreed to."""
    raise NotImplementedError(machine, found, agrees)
