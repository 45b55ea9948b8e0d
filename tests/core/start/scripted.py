"""A start as a script: events in the order in which they come, judged one by one as steps/start.py does it."""

from collections.abc import Iterable

from stackctl.core.observed import ServiceState
from stackctl.core.plan.stack import Plan
from stackctl.core.start.events import Changed, Event
from stackctl.core.start.start_state import Failed, StartState, advance, begin
from stackctl.core.start.verdict import Again, Ready, Waiting, explain, verdict
from stackctl.errors import StackctlError
from tests.core.samples import a_plan

PLAN = a_plan()
BACKEND, PAGE = "llamacpp", "sillytavern"
DEPENDENCY = "dependency failed to start: container t-llamacpp-1 exited (1)"


def service(
    name: str,
    state: str = "running",
    *,
    health: str = "",
    container: str = "",
    exit_code: int = 0,
    oom_killed: bool = False,
    error: str = "",
    gpu_drivers: tuple[str, ...] = (),
) -> ServiceState:
    return ServiceState(
        name=name,
        container=container or f"new-{name}",
        state=state,
        health=health,
        exit_code=exit_code,
        oom_killed=oom_killed,
        error=error,
        image=f"image-of-{name}",
        gpu_drivers=gpu_drivers,
    )


def healthy(name: str, container: str = "") -> ServiceState:
    return service(name, health="healthy", container=container)


def starts(name: str, container: str = "") -> Changed:
    """The container is started, and its health is not known yet."""
    return Changed(service(name, health="starting", container=container), started=True)


def changes(state: ServiceState) -> Changed:
    return Changed(state, started=False)


def both_ready() -> tuple[Changed, ...]:
    return starts(BACKEND), changes(healthy(BACKEND)), starts(PAGE), changes(healthy(PAGE))


def by_name(*states: ServiceState) -> dict[str, ServiceState]:
    return {one.name: one for one in states}


def judged(
    *events: Event, before: Iterable[ServiceState] = (), plan: Plan = PLAN, only: str | None = None
) -> tuple[Ready | Waiting | Again | Failed, StartState]:
    """The first verdict that ends a start, or the last one; and the state at that moment."""
    state = begin(plan, by_name(*before), only)
    found: Ready | Waiting | Again | Failed = verdict(state)
    for event in events:
        state = advance(state, event)
        if not isinstance(found := verdict(state), Waiting):
            break
    return found, state


def error(
    *events: Event, log: tuple[str, ...] = (), before: Iterable[ServiceState] = (), plan: Plan = PLAN
) -> StackctlError:
    """The error of a start that must fail; `log`: of the container that died."""
    before = tuple(before)
    found, state = judged(*events, before=before, plan=plan)
    assert isinstance(found, Failed)
    return explain(found, log, state.before)
