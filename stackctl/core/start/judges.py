"""Which module judges a service, by the service's name."""

from collections.abc import Mapping
from typing import Final

from stackctl.backends import BACKENDS
from stackctl.companions import COMPANIONS
from stackctl.contracts.judge import Judge, no_cause
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern import log as tavern_log

JUDGES: Final[Mapping[str, Judge]] = {**BACKENDS, **COMPANIONS, tavern.NAME: tavern_log}


class _Unknown:
    """The judge of a service whose program's words nobody knows: only the container's own state counts."""

    fatal = ended = exit_cause = staticmethod(no_cause)


def find_judge(service: str) -> Judge:
    """Return what knows the words of this service's program; a neutral judge for a service that nobody knows."""
    return JUDGES.get(service, _Unknown())
