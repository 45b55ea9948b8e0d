"""`stackctl status`: the state of the stack's services."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from stackctl.contracts.service import Publish
from stackctl.core.observed import ServiceState
from stackctl.core.plan.stack import Plan
from stackctl.core.start import readiness
from stackctl.core.start.events import Changed
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern.prompt_templates import describe_template
from stackctl.errors import ConfigError
from stackctl.machine import Machine
from stackctl.steps.deployed import known_plan, stack_name_here
from stackctl.steps.former_stack import BACK_OR_ON, kept_journal
from stackctl.steps.own_name import refuse_foreign

_LINES = 500  # of a log


@dataclass(frozen=True, kw_only=True)
class BackendElsewhere:
    """An external backend. `problem`: why it does not answer, "" if it does; `hint`: what to do then."""

    title: str
    url: str  # as SillyTavern reaches it
    model: str
    problem: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Why a service will not become ready by itself, and what to do. service: "" for the whole stack."""

    service: str
    problem: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class Status:
    """One look at the stack. `url` is "" while SillyTavern is not ready. `troubles`: what will not end by itself."""

    name: str
    services: tuple[ServiceState, ...]
    missing: tuple[str, ...]
    url: str
    backend: BackendElsewhere | None = None
    troubles: tuple[Trouble, ...] = ()
    template: str = ""  # a clause about the prompt template that the deploy chose; "" if it chose none

    @property
    def is_ready(self) -> bool:
        runs = not self.missing and bool(self.services) and all(s.is_ready for s in self.services)
        return runs and not (self.backend and self.backend.problem)


def status(machine: Machine) -> Status:
    """Ask the engine once. If the plan can't be read, show what runs all the same."""
    return _status(_checked(machine), known_plan(machine, machine.ui.warn), machine)


def watch_status(machine: Machine) -> Iterator[Status]:
    """Give the status now, and again at each change, without an end."""
    name, plan = _checked(machine), known_plan(machine, machine.ui.warn)
    watch = machine.orchestrator.watch(name)
    try:
        yield (shown := _status(name, plan, machine))
        for happening in watch.events(time.monotonic() + 365 * 86400):
            if not isinstance(happening, Changed):
                continue
            if (now := _status(name, known_plan(machine, machine.ui.detail), machine)) != shown:
                yield (shown := now)
    finally:
        watch.close()


def page_places(page: ServiceState | None, machine: Machine) -> tuple[Publish, ...]:
    """Return where the engine publishes SillyTavern's container now, this machine's loopback address first."""
    found = machine.docker.attached(page.container).published if page and page.state == "running" else ()
    return tuple(sorted(found, key=lambda one: not one.address.startswith("127.")))


def _checked(machine: Machine) -> str:
    """Return the stack's name; raise ConfigError if there is no stack here, or its name belongs to another folder."""
    name = stack_name_here(machine)
    refuse_foreign(name, machine)
    return name


def _status(name: str, plan: Plan | None, machine: Machine) -> Status:
    states = machine.orchestrator.states(name)
    page = states.get(tavern.NAME)
    return Status(
        name=name,
        services=tuple(states[key] for key in sorted(states)),
        missing=tuple(sorted({one.name for one in plan.services} - states.keys())) if plan else (),
        url=_url(plan, page, machine) if page and page.is_ready else "",
        backend=None if plan is None or plan.backend_service else _elsewhere(plan, machine),
        troubles=(
            *(found for key in sorted(states) if (found := _trouble(states[key], machine))),
            *_unfinished(machine),
        ),
        template=describe_template(plan.template) if plan and plan.template else "",
    )


def _unfinished(machine: Machine) -> tuple[Trouble, ...]:
    """Return the trouble of a deploy that has not finished, if there is one."""
    if kept_journal(machine) is None:
        return ()
    return (
        Trouble(service="", problem="a deploy is running, or was ended before its stack was ready", hint=BACK_OR_ON),
    )


def _url(plan: Plan | None, page: ServiceState, machine: Machine) -> str:
    """Return the page's URL on this machine; "" if it is unknown."""
    return plan.url if plan else next((f"http://{one.place}" for one in page_places(page, machine)), "")


def _trouble(state: ServiceState, machine: Machine) -> Trouble | None:
    """Return a service's trouble, by its log and exit code; None for a service that only waits for another."""
    if state.is_ready or (state.state == "created" and not state.error):
        return None
    # the cause is in the log of the run that ended
    since = replace(state, started_at=0.0) if state.restarts else state
    found = readiness.trouble(state, machine.docker.tail(since, _LINES))
    if found is None:
        return None
    hint = found.hint if "stackctl" in found.hint else " ".join((found.hint, "Run `stackctl deploy` after that."))
    return Trouble(service=state.name, problem=found.message, hint=hint)


def _elsewhere(plan: Plan, machine: Machine) -> BackendElsewhere:
    """Ask the external backend that the stack was deployed with, and return its state."""
    from stackctl.core.config.spec import EXTERNAL
    from stackctl.core.external.diagnosis import diagnose
    from stackctl.core.plan import external_backend
    from stackctl.steps.config_request import load_config, read_lock
    from stackctl.steps.external_backend import observe_external

    try:
        spec, lock = load_config(machine, {}).spec, read_lock(machine)
    except ConfigError as error:
        problem = f"it was not asked: {error.message}"
        return BackendElsewhere(
            title=plan.backend_title, url=plan.backend_url, model=plan.model_name, problem=problem, hint=error.hint
        )
    decided = lock.decisions.get(external_backend.URL)
    url = decided.inputs.get("url") if decided else plan.backend_url  # as stack.toml had it at the deploy
    spec = spec.model_copy(update={"backend": spec.backend.model_copy(update={"kind": EXTERNAL, "url": url})})
    server = observe_external(spec, lock, machine)
    lack = diagnose(spec, server)
    return BackendElsewhere(
        title=plan.backend_title,
        url=plan.backend_url,
        model=external_backend.external_model(server).name,
        problem=lack.error.message if lack else "",
        hint=lack.error.hint if lack else "",
    )
