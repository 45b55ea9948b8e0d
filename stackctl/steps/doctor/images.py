"""The images of the stack, and how the engine keeps them."""

from typing import Final

from stackctl.steps.doctor.check import Check

CHECKS: Final[tuple[Check, ...]] = ()
