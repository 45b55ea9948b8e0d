"""The machine: its kernel, time, memory and processor."""

from typing import Final

from stackctl.steps.doctor.check import Check

CHECKS: Final[tuple[Check, ...]] = ()
