"""Docker Swarm: what a stack on several machines needs."""

from typing import Final

from stackctl.issues.issue import Issue

ISSUES: Final[tuple[Issue, ...]] = ()
