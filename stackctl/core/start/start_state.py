"""The state of a start, and its change by each event. Nothing here asks the engine or the clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from stackctl.backends import find_backend
from stackctl.backends.contract import Buffer, Offloaded
from stackctl.contracts.service import CPU
from stackctl.core.gpu.offload import Offload, Wanted, is_early_failure, judge
from stackctl.core.observed import ServiceState
from stackctl.core.plan import gpu_request
from stackctl.core.plan.stack import Plan
from stackctl.core.start.events import (
    Applied,
    Changed,
    Event,
    EventStreamLost,
    Idle,
    Kept,
    Line,
    Looked,
    Output,
    ReadSoFar,
    Refused,
)
from stackctl.core.start.judges import find_judge
from stackctl.core.start.planned_offload import planned_offload
from stackctl.core.start.reading import Reading, describe, look_again
from stackctl.errors import EngineError, GpuError, StackctlError

# seconds to wait for the cause after "it failed": KoboldCpp pauses for three before it ends, and its library's lines
# come after that
_PATIENCE = 4


@dataclass(frozen=True)
class Failed:
    """The start has failed. why: the error itself, or the container whose log has the cause."""

    why: StackctlError | ServiceState


@dataclass(frozen=True, kw_only=True)
class StartState:
    """The observations of a start so far. Containers are named by their ids; states and newest are by service."""

    plan: Plan
    services: tuple[str, ...]  # the services that must become ready
    before: Mapping[str, ServiceState]
    states: Mapping[str, ServiceState]
    newest: Mapping[str, str]
    ours: frozenset[str] = frozenset()  # containers that this start started or keeps
    replaced: frozenset[str] = frozenset()  # containers that were replaced
    progress: Mapping[str, str]  # service -> the step of loading in its log
    reading: Mapping[str, Reading] = field(default_factory=dict)  # service -> the bytes that it has read
    buffers: tuple[Buffer, ...] = ()  # memory that the backend's log reports as reserved
    offloaded: tuple[Offloaded, ...] = ()  # layers on GPUs that the backend's log reports
    output: tuple[str, ...] = ()  # Compose's output, line by line
    exit_code: int | None = None  # Compose's exit code; None while it runs
    is_settled: bool = False  # no event came for a while after Compose's end, so none is pending
    is_look_due: bool = False  # the next step must ask the engine for all states
    failed: Failed | None = None  # the first event after which the stack can't become ready
    suspected: str = ""  # the service whose log reports a failure, but no cause yet
    quiet: int = 0  # seconds without an event since then


def begin(plan: Plan, before: Mapping[str, ServiceState], only: str | None = None) -> StartState:
    """Return the first state of a start. only: the one service to wait for; None for all."""
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
        case Output() | Kept():
            kept, said = kept_container(state, event), (event.text,) if isinstance(event, Output) else ()
            return replace(
                state, output=(*state.output, *said), ours=state.ours | {kept.container} if kept else state.ours
            )
        case Refused(why):
            return _fail(state, why)
        case Applied(code):
            # its last action may still be a pending event, so the engine is asked before a verdict
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
                    f"the engine stopped answering: {why}",
                    hint="Run `docker info` to see whether it is still running.",
                    issue="engine-no-answer",
                ),
            )
    return state


def begin_again(state: StartState) -> StartState:
    """Return the state for another run of Compose, which gave up a service that is now ready."""
    return replace(state, output=(), exit_code=None, is_settled=False, is_look_due=False)


def progress_in_words(state: StartState) -> dict[str, str]:
    """Return the progress of each service, by its log and by the bytes that it has read."""
    found = dict(state.progress)
    for service, reading in state.reading.items():
        if service == state.plan.backend and (says := describe(reading, state.plan.model_bytes)):
            found[service] = f"{found.get(service) or 'starting'}, {says}"
    return found


def kept_container(state: StartState, event: Event) -> ServiceState | None:
    """Return the running container that is reported to be kept unchanged."""
    running = (one for one in state.before.values() if one.state == "running")
    match event:
        case Output(text) if text.endswith("Running"):  # Compose's words
            return next((one for one in running if f"-{one.name}-1 " in text), None)
        case Kept(service):
            return next((one for one in running if one.name == service), None)
    return None


def _change(state: StartState, found: ServiceState, *, started: bool) -> StartState:
    """Return the state after a container's change; a new container replaces the older one of its service."""
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
    """Return the state after a service wrote a line to its log."""
    if service == state.plan.backend:
        backend = find_backend(service)
        if says := backend.progress(line):
            state = replace(state, progress={**state.progress, service: says})
        state = read_offload(state, line)
    if service not in state.states or not (cause := find_judge(service).fatal(line)):
        return state
    return replace(state, suspected=service) if cause.is_generic else _fail(state, state.states[service])


def read_offload(state: StartState, line: str) -> StartState:
    """Return the state after a line of the backend about memory or a GPU: failed if the GPU asked for is not used."""
    backend, wanted = find_backend(state.plan.backend), planned_offload(state.plan)
    if buffer := backend.buffer(line):
        state = replace(state, buffers=(*state.buffers, buffer))
    if reported := backend.offloaded(line):
        state = replace(state, offloaded=(*state.offloaded, reported))
    if wanted is None:
        return state
    # a program with layers on a GPU has one, whatever the text of a model imitates behind that
    cause = None if any(one.layers for one in state.offloaded) else backend.no_gpu(line, state.plan.variant or CPU)
    return _fail(state, cause.error(state.plan.backend, (line,))) if cause else state


def _is_without_layers(state: StartState) -> bool:
    """Return whether the backend's last report says that no layer is on a GPU, where one was asked for."""
    wanted = planned_offload(state.plan)
    return bool(wanted and state.offloaded and is_early_failure(wanted, state.offloaded[-1]))


def judge_offload(state: StartState, offload: Offload) -> StartState:
    """Return the state after a look at the offload: failed if no layer is on a GPU."""
    found = judge(offload)
    if found.state != "fails":
        return state
    says = f"{state.plan.backend} computes on the CPU, though a GPU was asked for: {found.says}"
    return _fail(state, GpuError(says, hint=found.hint, issue=found.issue))


def still_reads(state: StartState, found: ServiceState) -> bool:
    """Return whether only its health check gave a container up while it keeps reading: a slow disk is no failure."""
    reading = state.reading.get(found.name)
    return found.is_only_unhealthy and reading is not None and reading.goes_on


def _pass_second(state: StartState) -> StartState:
    """Return the state after a second without an event."""
    if state.suspected in state.states:
        # the cause in the log of its program, or of the program inside it, follows within moments
        is_over = state.quiet + 1 >= _PATIENCE
        return _fail(state, state.states[state.suspected]) if is_over else replace(state, quiet=state.quiet + 1)
    if _is_without_layers(state) and not state.failed:
        # a model's name can imitate the report, which then follows within moments
        if state.quiet + 1 < _PATIENCE:
            return replace(state, quiet=state.quiet + 1)
        last = state.offloaded[-1]
        return judge_offload(state, Offload(wanted=Wanted(of=last.of), reported=(last,)))
    if state.exit_code is not None:
        # if an event is lost, asking the engine in a quiet second is cheaper than waiting for the time-out
        return replace(state, is_settled=True, is_look_due=state.exit_code == 0)
    return state


def _read_on(state: StartState, service: str, reading: Reading) -> StartState:
    """Return the state after a new reading; a service that its health check gave up fails once it stops reading."""
    state = replace(state, reading={**state.reading, service: reading})
    found = state.states.get(service)
    if found and found.is_only_unhealthy and found.container in state.ours and not reading.goes_on:
        return _fail(state, found)
    return state


def _fail(state: StartState, why: StackctlError | ServiceState) -> StartState:
    return replace(state, failed=state.failed or Failed(why))
