"""Refuses a model that the backend can't load, before anything is fetched or started."""

from stackctl import backends
from stackctl.core.advice import can_load
from stackctl.core.config.spec import AUTO, Spec
from stackctl.core.model.model import ModelSeen
from stackctl.core.plan.stack import Plan
from stackctl.errors import ModelError
from stackctl.machine import Machine


def refuse_unloadable(plan: Plan, spec: Spec, model: ModelSeen, machine: Machine, *, force: bool) -> None:
    """Raise ModelError for a model that the stack's backend can't load.

    It is a warning if the user forces the start, or chose the image or program: what that one loads is unknown.
    """
    service = plan.backend_service
    if service is None:
        return
    backend = backends.BACKENDS[plan.backend]
    build = backend.build_of(service.image, plan.program)
    try:
        can_load.refuse_unloadable(model.header, model.name, backend, build, plan.variant)
    except ModelError as error:
        if not force and spec.backend.image == AUTO and spec.backend.program == AUTO:
            raise
        machine.ui.warn(f"{error.message}; it is started all the same")
