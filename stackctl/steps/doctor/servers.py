"""Names, and the servers that a deploy needs."""

from typing import Final

from stackctl.steps.doctor.check import Check

CHECKS: Final[tuple[Check, ...]] = ()
