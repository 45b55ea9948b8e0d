"""The stack of this folder: its settings, and what runs of it."""

from typing import Final

from stackctl.steps.doctor.check import Check

CHECKS: Final[tuple[Check, ...]] = ()
