"""The GPU, layer by layer."""

from typing import Final

from stackctl.steps.doctor.check import Check

CHECKS: Final[tuple[Check, ...]] = ()
