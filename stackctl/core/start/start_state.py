"""How far a start has come: a state, and what each event makes of it. Nothing here asks the engine or the clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from stackctl.backends import find_backend
from stackctl.backends.contract import Buffer
from stackctl.core.observed import ServiceState
from stackctl.core.plan import gpu_request
from stackctl.core.plan.stack import Plan
from stackctl.core.start.events import (
    Changed,
    ComposeExited,
    ComposeOutput,
    Event,
    EventStreamLost,
    Idle,
    Line,
    Looked,
    ReadSoFar,
)
from stackctl.core.start.judges import find_judge
from stackctl.core.start.reading import Reading, describe, look_again
from stackctl.errors import EngineError, StackctlError

# quiet seconds for the reason to come after "it failed": KoboldCpp pauses for three before it ends, and then comes
# what its library wrote
_PATIENCE = 4


@dataclass(frozen=True)
class Failed:
    """The start will never succeed. `why`: the error itself, or the container whose log has the cause."""

    why: StackctlError | ServiceState


@dataclass(frozen=True, kw_only=True)
class StartState:
    """What a start has seen so far. Containers are named by their ids, `states` and `newest` are by service."""

    plan: Plan
    services: tuple[str, ...]  # that have to become ready
    before: Mapping[str, ServiceState]
    states: Mapping[str, ServiceState]
    newest: Mapping[str, str]
    ours: frozenset[str] = frozenset()  # that this start started, or keeps
    replaced: frozenset[str] = frozenset()  # that had to make room
    progress: Mapping[str, str]  # service -> what its log says of loading
    reading: Mapping[str, Reading] = field(default_factory=dict)  # service -> what it has had read
    buffers: tuple[Buffer, ...] = ()  # memory that the backend's log said it reserved
    output: tuple[str, ...] = ()  # of Compose, line by line
    exit_code: int | None = None  # of Compose; None: it is at work
    is_settled: bool = False  # it was quiet for a while after Compose's end: no event is on its way any more
    is_look_due: bool = False  # the step is to ask the engine for all states
    failed: Failed | None = None  # the first event after which the stack can't become ready
    suspected: str = ""  # service whose log says that it failed, and not yet why
    quiet: int = 0  # seconds in which nothing happened since then


def begin(plan: Plan, before: Mapping[str, ServiceState], only: str | None = None) -> StartState:
    """Return the state in which nothing has happened yet. `only`: the one service to wait for; None: all."""
    return StartState(
        plan=plan,
        services=(only,) if only else tuple(service.name for service in plan.services),
        before=before,
        states={name: state for name, state in before.items() if state.state == "running"},
        newest={name: state.container for name, state in before.items()},
        progress={},
    )


def advance(state: StartState, event: Event) -> StartState:
    """Return the state after an event."""
    match event:
        case Changed(found, started) if found.container not in state.replaced:
            return _change(state, found, started=started)
        case Line(service, text):
            return _read(state, service, text)
        case ComposeOutput(text):
            kept = kept_container(state, event)
            return replace(
                state, output=(*state.output, text), ours=state.ours | {kept.container} if kept else state.ours
            )
        case ComposeExited(code):
            # what it did last may still be on its way as an event: the engine is asked before anything is judged by it
            return replace(state, exit_code=code, is_look_due=True)
        case Idle():
            return _pass_second(state)
        case Looked(states):
            return replace(state, states={**state.states, **states}, is_look_due=False)
        case ReadSoFar(service, seen, at_s):
            return _read_on(state, service, look_again(state.reading.get(service), seen, at_s))
        case EventStreamLost(why):
            return _fail(
                state,
                EngineError(
                    f"the engine stopped answering: {why}", hint="Run `docker info` to see whether it is still running."
                ),
            )
    return state


def begin_again(state: StartState) -> StartState:
    """Return the state in which Compose is started once more: it gave up a service that is ready by now."""
    return replace(state, output=(), exit_code=None, is_settled=False, is_look_due=False)


def progress_in_words(state: StartState) -> dict[str, str]:
    """How far each service is, by its log, and by what it has had read."""
    found = dict(state.progress)
    for service, reading in state.reading.items():
        if service == state.plan.backend and (says := describe(reading, state.plan.model_bytes)):
            found[service] = f"{found.get(service) or 'starting'}, {says}"
    return found


def kept_container(state: StartState, event: Event) -> ServiceState | None:
    """Return the running container that Compose, by what it just said, keeps as it is."""
    match event:
        case ComposeOutput(text) if text.endswith("Running"):
            running = (one for one in state.before.values() if one.state == "running")
            return next((one for one in running if f"-{one.name}-1 " in text), None)
    return None


def _change(state: StartState, found: ServiceState, *, started: bool) -> StartState:
    """A container is in a new state; an older one of its service has a successor then."""
    older = {state.newest.get(found.name, found.container)} - {found.container}
    state = replace(
        state,
        states={**state.states, found.name: found},
        newest={**state.newest, found.name: found.container},
        ours=state.ours | {found.container} if started else state.ours,
        replaced=state.replaced | older,
    )
    if found.has_failed and found.container in state.ours and not still_reads(state, found):
        return _fail(state, found)
    lost = gpu_request.lost_gpu(found, state.plan) if started else None
    return _fail(state, lost) if lost else state


def _read(state: StartState, service: str, line: str) -> StartState:
    """A service wrote a line to its log."""
    if service == state.plan.backend:
        backend = find_backend(service)
        if says := backend.progress(line):
            state = replace(state, progress={**state.progress, service: says})
        if buffer := backend.buffer(line):
            state = replace(state, buffers=(*state.buffers, buffer))
    if service not in state.states or not (cause := find_judge(service).fatal(line)):
        return state
    return replace(state, suspected=service) if cause.is_generic else _fail(state, state.states[service])


def still_reads(state: StartState, found: ServiceState) -> bool:
    """Whether its health check alone has given a container up, and it goes on reading: a slow disk is no failure."""
    reading = state.reading.get(found.name)
    return found.is_only_unhealthy and reading is not None and reading.goes_on


def _pass_second(state: StartState) -> StartState:
    """Nothing happened for a second."""
    if state.suspected in state.states:
        # what its program, or the one inside it, still has to say of the reason comes within moments
        is_over = state.quiet + 1 >= _PATIENCE
        return _fail(state, state.states[state.suspected]) if is_over else replace(state, quiet=state.quiet + 1)
    if state.exit_code is not None:
        # events lead; should one be lost, a look in a quiet second costs less than waiting for the time-out
        return replace(state, is_settled=True, is_look_due=state.exit_code == 0)
    return state


def _read_on(state: StartState, service: str, reading: Reading) -> StartState:
    """A service has had so much read; one that its health check has given up fails once it reads no more."""
    state = replace(state, reading={**state.reading, service: reading})
    found = state.states.get(service)
    if found and found.is_only_unhealthy and found.container in state.ours and not reading.goes_on:
        return _fail(state, found)
    return state


def _fail(state: StartState, why: StackctlError | ServiceState) -> StartState:
    return replace(state, failed=state.failed or Failed(why))
