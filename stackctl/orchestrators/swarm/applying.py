"""A start in Swarm: ask the manager for what is wanted, then follow what comes of it."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from stackctl.core.observed import ServiceState
from stackctl.core.start.events import Event
from stackctl.errors import EngineError
from stackctl.orchestrators.swarm import apply, tasks
from stackctl.orchestrators.swarm.api import Api
from stackctl.orchestrators.swarm.service_spec import Wanted
from stackctl.orchestrators.swarm.watch import Watch
from stackctl.ports.disk import Says
from stackctl.ports.orchestrator import Action


class Applying:
    """A start in progress: all was asked for, and tasks come and end."""

    def __init__(self, stack: str, api: Api, follows: Watch) -> None:
        self._stack, self._api, self._watch = stack, api, follows

    def events(self, until: float) -> Iterator[Event]:
        """Give every event until the clock (time.monotonic) reads `until`."""
        return self._watch.events(until)

    def read_log(self, state: ServiceState) -> None:
        """Also report the log of a service that started before."""
        self._watch.read_log(state)

    def close(self) -> None:
        """Stop listening; remove the secrets and configs that this start has replaced."""
        self._watch.close()
        with suppress(EngineError):  # the error of the start says more
            apply.remove_unused(self._stack, self._api)


def ask_for(wanted: Wanted, name: str, service: str | None, action: Action, api: Api, details: Says) -> tuple[str, ...]:
    """Ask the manager for what is wanted; return the names of the services that are left alone."""
    found = apply.services_of(name, api)
    if action == "apply" or not found:
        only = wanted if service is None else replace(wanted, services={service: wanted.services[service]})
        return apply.apply(name, only, api, details, removes=service is None)
    for one, body in wanted.services.items():
        if service in {None, one} and one not in found:
            apply.apply(name, replace(wanted, services={one: body}), api, details, removes=False)
    concerned = {one: has for one, has in found.items() if service in {None, one}}
    kept = [one for one, has in concerned.items() if action == "start" and tasks.replicas(has) == 1]
    for one, has in concerned.items():
        if one not in kept:
            apply.scale(has["ID"], 1, api, again=action == "restart")
    return tuple(kept)
