"""`stackctl status`: what of the stack runs, and how well."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from stackctl import backends
from stackctl.core.external.diagnosis import diagnose
from stackctl.core.observed import ServiceState
from stackctl.core.plan import external_backend
from stackctl.core.start.events import Changed
from stackctl.core.tavern import container as tavern
from stackctl.effects.docker.events import Watch
from stackctl.machine import Machine
from stackctl.orchestrators.compose import render
from stackctl.steps.config_request import load_config, read_lock
from stackctl.steps.deployed import stack_name_here
from stackctl.steps.external_backend import observe_external


@dataclass(frozen=True, kw_only=True)
class BackendElsewhere:
    """A backend that is no service of the stack. lacks: why it does not answer, and hint what to do; "" if it does."""

    title: str
    url: str  # as SillyTavern reaches it
    model: str
    lacks: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class Status:
    """One look at the stack. `url` is "" while SillyTavern is not ready."""

    name: str
    services: tuple[ServiceState, ...]
    missing: tuple[str, ...]
    url: str
    backend: BackendElsewhere | None = None

    @property
    def is_ready(self) -> bool:
        runs = not self.missing and bool(self.services) and all(s.is_ready for s in self.services)
        return runs and not (self.backend and self.backend.lacks)


def status(machine: Machine) -> Status:
    """Ask the engine once."""
    name = stack_name_here(machine)
    machine.engine.refuse_foreign(name, machine.place)
    return _status(name, machine)


def watch_status(machine: Machine) -> Iterator[Status]:
    """The status now, and again at each change; ends never."""
    name = stack_name_here(machine)
    machine.engine.refuse_foreign(name, machine.place)
    watch = Watch(machine.engine, name)
    try:
        yield (shown := _status(name, machine))
        for happening in watch.happenings(time.monotonic() + 365 * 86400):
            if isinstance(happening, Changed) and (now := _status(name, machine)) != shown:
                yield (shown := now)
    finally:
        watch.close()


def _status(name: str, machine: Machine) -> Status:
    states = machine.engine.states(name)
    text = machine.folder.read(render.FILE) or ""
    planned = render.services(text)
    hosts = load_config(machine, {}).spec.sillytavern.proxy.hosts
    here = next(iter(tavern.urls(planned.get(tavern.NAME, {}), hosts)), "")
    page = states.get(tavern.NAME)
    return Status(
        name=name,
        services=tuple(states[key] for key in sorted(states)),
        missing=tuple(sorted(planned.keys() - states.keys())),
        url=here if page and page.is_ready and here else "",
        backend=_elsewhere(machine),
    )


def _elsewhere(machine: Machine) -> BackendElsewhere | None:
    """The backend of a stack that was deployed with one elsewhere, asked now."""
    spec, lock = load_config(machine, {}).spec, read_lock(machine)
    url, kind = (lock.decisions.get(key) for key in (external_backend.URL, external_backend.KIND))
    backend = backends.BACKENDS.get(str(kind.value)) if kind else None
    if not spec.backend.is_elsewhere or url is None or backend is None:
        return None
    server = observe_external(spec, lock, machine)
    lack = diagnose(spec, server)
    return BackendElsewhere(
        title=backend.TITLE,
        url=str(url.value),
        model=external_backend.external_model(server).name,
        lacks=lack.error.message if lack else "",
        hint=lack.error.hint if lack else "",
    )
