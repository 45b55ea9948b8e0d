"""`stackctl status`: the state of the stack's services, and what its model holds."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from stackctl.backends import BACKENDS
from stackctl.core.history import Record
from stackctl.core.observed import ServiceState
from stackctl.core.plan.model_run import ModelRun, is_start_of, model_run
from stackctl.core.plan.stack import Plan
from stackctl.core.start.events import Changed, Event, EventStreamLost, Line
from stackctl.core.start.stack_state import StackState, stack_state
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern.prompt_templates import describe_template
from stackctl.errors import ConfigError, EngineError
from stackctl.machine import Machine
from stackctl.ports.engine import Watch
from stackctl.steps.deployed import known_plan, stack_name_here
from stackctl.steps.former_stack import BACK_OR_ON, kept_journal
from stackctl.steps.memory_now import GpusNow, MemoryNow, memory_now, read_gpus
from stackctl.steps.other_target import says_both
from stackctl.steps.own_name import refuse_foreign
from stackctl.steps.page_addresses import all_urls
from stackctl.steps.recorded_deploys import last_deploy
from stackctl.steps.service_trouble import service_trouble
from stackctl.steps.sleep import is_asleep

_RARELY_S = 30.0  # how often a GPU is read that no program uses: it falls asleep within some seconds


@dataclass(frozen=True, kw_only=True)
class BackendElsewhere:
    """An external backend. `problem`: why it does not answer, "" if it does; `hint`: what to do then.

    `issue`: the page that explains it.
    """

    title: str
    url: str  # as SillyTavern reaches it
    model: str
    problem: str
    hint: str
    issue: str = ""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Why a service will not become ready by itself, and what to do. service: "" for the whole stack.

    issue: the id of the page that explains it.
    """

    service: str
    problem: str
    hint: str
    issue: str


@dataclass(frozen=True, kw_only=True)
class Status:
    """One look at the stack. `urls` is () while SillyTavern is not ready. `troubles`: what will not end by itself.

    What changes all the time, `memory` and `pace`, makes no other status of it.
    """

    name: str
    services: tuple[ServiceState, ...]
    missing: tuple[str, ...]
    urls: tuple[str, ...]  # of the page, that for this machine first
    backend: BackendElsewhere | None = None
    troubles: tuple[Trouble, ...] = ()
    template: str = ""  # a clause about the prompt template that the deploy chose; "" if it chose none
    run: ModelRun | None = None  # None if the plan is unknown
    proof: Record | None = None  # the last deploy of this model in which it showed its speed
    is_asleep: bool = False  # its backend has unloaded the model until the next message
    memory: MemoryNow = field(default=MemoryNow(), compare=False)
    pace: float | None = field(default=None, compare=False)  # tokens a second of the answer that was seen last

    @property
    def url(self) -> str:
        """Return the page's URL on this machine; "" while it is not ready."""
        return next(iter(self.urls), "")

    @property
    def is_ready(self) -> bool:
        runs = not self.missing and bool(self.services) and all(s.is_ready for s in self.services)
        return runs and not (self.backend and self.backend.problem)

    @property
    def runs_backend(self) -> bool:
        """Return whether a backend of this stack runs, one that loads or sleeps included."""
        return any(one.name in BACKENDS and one.state == "running" for one in self.services)

    @property
    def state(self) -> StackState:
        """Return the state in one word."""
        found = stack_state(self.services, is_missing=bool(self.missing), is_asleep=self.is_asleep)
        return "failed" if found in {"ready", "asleep"} and not self.is_ready else found

    @property
    def next_step(self) -> str:
        """Return the one thing to do next, as a hint; "" if there is nothing."""
        uses_gpu = self.run is None or self.run.gpu_layers != 0
        gpu = self.memory.gpu_error.hint if self.memory.gpu_error and uses_gpu else ""
        lacks = [self.backend.hint] if self.backend and self.backend.problem else []
        if self.missing and not self.troubles:
            lacks.append("Run `stackctl start` to create what is missing.")
        if found := next(filter(None, (*(one.hint for one in self.troubles), *lacks, gpu)), ""):
            return found
        if not self.is_ready:
            return "Wait until it is ready: `stackctl status --watch` shows that."
        wakes = ": the next message wakes the model" if self.is_asleep else ""
        return f"Open {self.url} in a browser{wakes}." if self.url else ""


def status(machine: Machine) -> Status:
    """Look once. If the plan can't be read, show what runs all the same."""
    with machine.docker.loading():
        gpus = read_gpus(machine)
    now = _status(_checked(machine), known_plan(machine, machine.ui.warn), machine)
    return replace(now, memory=memory_now(now.services, gpus, machine))


def page_url(machine: Machine) -> str:
    """Return the page's URL on this machine; "" while SillyTavern is not ready."""
    return _status(_checked(machine), known_plan(machine, machine.ui.warn), machine).url


def watch_status(
    machine: Machine, *, every_s: float | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Status]:
    """Give the status now, and again at each change, without an end. Raise EngineError if the engine is gone.

    every_s: also give it as often with what it holds and how fast it writes; no question is put to the backend.
    """
    name, plan = _checked(machine), known_plan(machine, machine.ui.warn)
    watch, meter = machine.orchestrator.watch(name), _Meter(machine, clock)
    try:
        shown = _status(name, plan, machine)
        if every_s is not None or (plan and plan.idle_unload_s):
            meter.follow(shown, watch)
        yield meter.measured(shown)
        for happening in watch.events(time.monotonic() + 365 * 86400):
            if isinstance(happening, EventStreamLost):
                hint = "Run `docker info` to see whether it is still running."
                raise EngineError(f"the engine stopped answering: {happening.why}", hint=hint, issue="engine-no-answer")
            meter.read(happening)
            if _sleeps(happening) not in {None, shown.is_asleep}:
                yield meter.measured(shown := replace(shown, is_asleep=not shown.is_asleep))
            if isinstance(happening, Changed):
                now = _status(name, known_plan(machine, machine.ui.detail), machine)
                if now != shown:
                    yield meter.measured(shown := now)
            if every_s is not None and clock() - meter.measured_at >= every_s:
                yield meter.measured(shown)
    finally:
        watch.close()


def _sleeps(happening: Event) -> bool | None:
    """Return whether the backend sleeps now, by a line of its log; None if that does not say."""
    if isinstance(happening, Line) and happening.service in BACKENDS:
        return BACKENDS[happening.service].asleep(happening.text)
    return None


class _Meter:
    """Measures a stack again and again, without keeping a GPU awake that nothing uses."""

    def __init__(self, machine: Machine, clock: Callable[[], float]) -> None:
        self._machine, self._clock = machine, clock
        self._gpus, self._read_at = GpusNow(), -_RARELY_S
        self._pace: float | None = None
        self.measured_at = 0.0

    def follow(self, now: Status, watch: Watch) -> None:
        """Let the watch give the lines that the backend writes from now on, if its clock is this machine's."""
        for one in now.services:
            if one.name in BACKENDS and one.state == "running" and self._machine.docker.is_local:
                watch.read_log(replace(one, started_at=time.time()))

    def read(self, happening: Event) -> None:
        """Take the speed from a line of the backend's log; what starts or wakes may hold a GPU from now on."""
        if isinstance(happening, Changed) or _sleeps(happening) is False:
            self._read_at = -_RARELY_S
        if isinstance(happening, Line) and happening.service in BACKENDS:
            self._pace = BACKENDS[happening.service].pace(happening.text) or self._pace

    def measured(self, now: Status) -> Status:
        """Return the status with what it holds now. A GPU that no program uses is read rarely, so that it may sleep."""
        self.measured_at = self._clock()
        is_used = self._gpus.is_blind or any(one.holders for one in self._gpus.readings)
        if is_used or self.measured_at - self._read_at >= _RARELY_S:
            self._gpus, self._read_at = read_gpus(self._machine), self.measured_at
        return replace(now, memory=memory_now(now.services, self._gpus, self._machine), pace=self._pace)


def _checked(machine: Machine) -> str:
    """Return the stack's name; raise ConfigError if there is no stack here, or its name belongs to another folder."""
    name = stack_name_here(machine)
    refuse_foreign(name, machine)
    return name


def _status(name: str, plan: Plan | None, machine: Machine) -> Status:
    states = machine.orchestrator.states(name)
    page = states.get(tavern.NAME)
    backend = None if plan is None or plan.backend_service else _elsewhere(plan, machine)
    is_well = bool(states) and all(one.is_ready for one in states.values())
    return Status(
        name=name,
        services=tuple(states[key] for key in sorted(states)),
        missing=tuple(sorted({one.name for one in plan.services} - states.keys())) if plan else (),
        urls=all_urls(plan, page, machine) if page and page.is_ready else (),
        backend=backend,
        troubles=(
            *(found for key in sorted(states) if (found := _trouble(states[key], machine))),
            *_unfinished(machine),
            *_run_twice(name, machine),
        ),
        template=describe_template(plan.template) if plan and plan.template else "",
        run=model_run(plan, last_deploy(machine, lambda one: is_start_of(one, plan))) if plan else None,
        proof=last_deploy(machine, lambda one: _shows_speed(one, plan)) if plan else None,
        is_asleep=bool(plan and is_well and is_asleep(plan, machine)),
    )


def _shows_speed(record: Record, plan: Plan) -> bool:
    """Return whether a recorded deploy showed how fast this model writes with this backend."""
    return record.tokens_per_s is not None and (record.backend, record.model) == (plan.backend, plan.model_name)


def _unfinished(machine: Machine) -> tuple[Trouble, ...]:
    """Return the trouble of a deploy that has not finished, if there is one."""
    if kept_journal(machine) is None:
        return ()
    says = "a deploy is running, or was ended before its stack was ready"
    return (Trouble(service="", problem=says, hint=BACK_OR_ON, issue="deploy-unfinished"),)


def _run_twice(name: str, machine: Machine) -> tuple[Trouble, ...]:
    """Return the trouble of a stack that two orchestrators run; () while a deploy moves it."""
    if kept_journal(machine) is not None:
        return ()
    problem, hint = says_both(name, machine)
    return (Trouble(service="", problem=problem, hint=hint, issue="swarm-other-target-runs"),) if problem else ()


def _trouble(state: ServiceState, machine: Machine) -> Trouble | None:
    """Return a service's trouble; None for a service that only waits for another."""
    found = service_trouble(state, machine)
    if found is None:
        return None
    hint = found.hint if "stackctl" in found.hint else " ".join((found.hint, "Run `stackctl deploy` after that."))
    return Trouble(service=state.name, problem=found.message, hint=hint, issue=found.issue)


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
            title=plan.backend_title,
            url=plan.backend_url,
            model=plan.model_name,
            problem=problem,
            hint=error.hint,
            issue=error.issue,
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
        issue=lack.error.issue if lack else "",
    )
