"""Start the stack and follow it, event by event, to the first verdict."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from stackctl import backends
from stackctl.backends.contract import Backend, Buffer
from stackctl.core.observed import ServiceState
from stackctl.core.plan import gpu_request
from stackctl.core.plan.stack import Plan
from stackctl.core.start import readiness
from stackctl.core.start.docker_errors import from_output
from stackctl.core.start.events import Changed, ComposeExited, ComposeOutput, Event, EventStreamLost, Idle, Line
from stackctl.effects.docker.events import Watch
from stackctl.errors import EngineError, NotReady, StackctlError
from stackctl.machine import Machine
from stackctl.orchestrators.compose import run as compose_effect
from stackctl.steps.has_run import record_run
from stackctl.steps.networks import make_way

_STOP_S = 3
UP = ("up", "-d", "--remove-orphans", "--pull", "never")


@dataclass(frozen=True, kw_only=True)
class Started:
    """A stack that is ready, after so many seconds. `buffers`: memory that the backend's log said it reserved."""

    ready_s: float
    buffers: tuple[Buffer, ...] = ()


@dataclass
class _Course:
    """What has happened so far."""

    states: dict[str, ServiceState]
    newest: dict[str, str]  # service -> its container's id
    started: set[str] = field(default_factory=set)  # ids of the containers that this start started, or keeps
    replaced: set[str] = field(default_factory=set)  # ids of those that had to make room
    progress: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)
    ended: int | None = None

    def take(self, state: ServiceState, *, started: bool) -> None:
        """A container is in a new state; an older one of its service has a successor then."""
        if (newest := self.newest.get(state.name, state.container)) != state.container:
            self.replaced.add(newest)
        self.newest[state.name] = state.container
        if started:
            self.started.add(state.container)
        self.states[state.name] = state


def start(
    plan: Plan, machine: Machine, *, timeout_s: int, words: tuple[str, ...] = UP, only: str | None = None
) -> Started:
    """Run Compose and wait until every service (or the one named) is ready.

    Raises the cause within moments of a death, a restart or a log line that the backend calls fatal; the containers
    that failed are stopped then, not removed: their log is the evidence.
    """
    if words[0] == "up" and only is None:
        make_way(plan.name, machine)
    began = time.monotonic()
    backend = backends.find_backend(plan.backend)
    names = (only,) if only else tuple(service.name for service in plan.services)
    before = machine.engine.states(plan.name)
    record_run(machine, before)  # what it tells may go with the container that is replaced
    course = _Course(
        states={name: s for name, s in before.items() if s.state == "running"},
        newest={name: s.container for name, s in before.items()},
    )
    watch = Watch(machine.engine, plan.name)
    process = machine.compose.start(plan.name, *words)
    watch.follow(process)
    try:
        for happening in watch.happenings(began + timeout_s):
            _take(happening, course, plan, machine, began)
            if kept := _kept(happening, before):
                course.started.add(kept.container)
                if not kept.is_ready:  # an earlier, interrupted start left it loading
                    watch.read_log(kept)
            if course.ended == 0 and not readiness.waiting_for(names, course.states, {}):
                return Started(ready_s=time.monotonic() - began, buffers=tuple(course.buffers))
            failed = _failed(happening, course, backend, machine) or _lost_gpu(happening, plan)
            if failed:
                _give_up(names, course, machine)
                raise _with_before(failed, before)
            machine.ui.status(" · ".join(readiness.waiting_for(names, course.states, course.progress)))
        raise _late(names, course, timeout_s)
    finally:
        watch.close()
        if process.poll() is None:
            compose_effect.end(process)
        record_run(machine, course.states)


def _take(happening: Event, course: _Course, plan: Plan, machine: Machine, began: float) -> None:
    match happening:
        case Changed(state, started) if state.container not in course.replaced:
            known = course.states.get(state.name)
            course.take(state, started=started)
            if state.is_ready and not (known and known.is_ready):
                machine.ui.note(f"{state.name} is ready ({time.monotonic() - began:.1f} s)")
        case Line(service, text):
            if service == plan.backend:
                _take_line(text, course, backends.find_backend(plan.backend))
        case ComposeOutput(text):
            course.said.append(text)
        case ComposeExited(code):
            course.ended = code
            # what it did last may still be on its way as an event: look once more before anything is judged by it
            course.states.update(machine.engine.states(plan.name))
        case Idle() if course.ended == 0:
            # events lead; should one be lost, a look in a quiet second costs less than waiting for the time-out
            course.states.update(machine.engine.states(plan.name))


def _take_line(text: str, course: _Course, backend: Backend) -> None:
    if says := backend.progress(text):
        course.progress[backend.NAME] = says
    if buffer := backend.buffer(text):
        course.buffers.append(buffer)


def _kept(happening: Event, before: Mapping[str, ServiceState]) -> ServiceState | None:
    """The running container that Compose, by what it just said, keeps as it is."""
    match happening:
        case ComposeOutput(text) if text.endswith("Running"):
            return next((s for s in before.values() if s.state == "running" and f"-{s.name}-1 " in text), None)
    return None


def _failed(happening: Event, course: _Course, backend: Backend, machine: Machine) -> StackctlError | None:
    match happening:
        case Changed(state) if state.has_failed and state.container in course.started - course.replaced:
            return readiness.failure(state, machine.engine.tail(state), backend)
        case Line(service, text) if service in course.states and readiness.fatal(text, service, backend):
            state = course.states[service]
            return readiness.failure(state, machine.engine.tail(state), backend)
        case EventStreamLost(why):
            return EngineError(f"the engine stopped answering: {why}", hint="is it still running? docker info")
        case ComposeExited() | Idle() if course.ended:
            mine = (s for s in course.states.values() if s.container in course.started)
            broken = next((s for s in mine if s.has_failed), None)
            if broken and not any("Error response" in line for line in course.said):
                return readiness.failure(broken, machine.engine.tail(broken), backend)
            if isinstance(happening, ComposeExited) and any(
                "dependency failed to start" in line for line in course.said
            ):
                return None  # the death that Compose saw, perhaps restarted by now, is still on its way as an event
            return from_output(course.said, course.ended)
    return None


def _lost_gpu(happening: Event, plan: Plan) -> StackctlError | None:
    match happening:
        case Changed(state, started=True):
            return gpu_request.lost_gpu(state, plan)
    return None


def _give_up(names: tuple[str, ...], course: _Course, machine: Machine) -> None:
    """Stop what failed and what was waiting for it; what was ready goes on."""
    for name in names:
        state = course.states.get(name)
        if state and not state.is_ready and state.state != "created":
            machine.engine.stop(state.container, _STOP_S)


def _with_before(error: StackctlError, before: Mapping[str, ServiceState]) -> StackctlError:
    ran = [f"{s.name} ({s.image}, {s.health or s.state})" for s in before.values() if s.state == "running"]
    if ran:
        error.hint = f"{error.hint}; before this deploy ran: {', '.join(sorted(ran))}"
    return error


def _late(names: tuple[str, ...], course: _Course, timeout_s: int) -> NotReady:
    waits = readiness.waiting_for(names, course.states, course.progress)
    return NotReady(
        f"not ready after {timeout_s} s: {'; '.join(waits)}",
        hint="what was started goes on; `stackctl deploy` continues from here, and waits longer with "
        "--timeout SECONDS; `stackctl logs` shows what it is at",
    )
