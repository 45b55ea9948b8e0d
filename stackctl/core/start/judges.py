"""Finds the module that judges a service, by the service's name."""

from collections.abc import Mapping
from typing import Final

from stackctl.backends import BACKENDS
from stackctl.companions import COMPANIONS
from stackctl.contracts.judge import Judge, no_cause
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern import log as tavern_log

JUDGES: Final[Mapping[str, Judge]] = {**BACKENDS, **COMPANIONS, tavern.NAME: tavern_log}


class _Unknown:
    """The judge of an unknown program: only the state of its container counts."""

    fatal = ended = exit_cause = staticmethod(no_cause)


def find_judge(service: str) -> Judge:
    """Return the judge that knows the log of this service's program; a neutral one for an unknown service."""
    return JUDGES.get(service, _Unknown())
