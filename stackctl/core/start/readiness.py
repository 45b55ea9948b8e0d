"""From the states of containers and their log lines to a verdict: ready, still waiting, or never."""

from collections.abc import Mapping

from stackctl.contracts.cause import Cause
from stackctl.contracts.judge import Judge
from stackctl.core.observed import ServiceState
from stackctl.core.start.judges import find_judge
from stackctl.errors import StackctlError
from stackctl.terminal import command_line

_SHOWN, _SHOWN_BEFORE = 8, 5  # log lines in an error; of them before the telling one, which often has the cause


def waiting_for(
    services: tuple[str, ...], states: Mapping[str, ServiceState], progress: Mapping[str, str]
) -> tuple[str, ...]:
    """What each service still waits for, in words; () once all are ready."""
    words = []
    for name in services:
        state = states.get(name)
        if state and state.is_ready:
            continue
        if state is None:
            words.append(f"{name}: not created yet")
        elif state.state == "created":
            words.append(f"{name}: waits for the others")
        else:
            words.append(f"{name}: {progress.get(name) or 'starting'}")
    return tuple(words)


def backend_waits(backend: str, states: Mapping[str, ServiceState], progress: Mapping[str, str]) -> str:
    """What the backend is at until it answers, in words; "" where it does, or is not of this stack."""
    state = states.get(backend)
    return "" if state is None or state.is_ready else progress.get(backend) or "starting"


def failure(state: ServiceState, log: tuple[str, ...]) -> StackctlError:
    """The error for a service that will never be ready; its cause is read from its log, then from its end."""
    judge = find_judge(state.name)
    return _cause(state, log, judge).error(state.name, evidence(log, judge))


def evidence(log: tuple[str, ...], judge: Judge) -> tuple[str, ...]:
    """The log lines to show: those around the first fatal one, else the last."""
    lines = [line for line in log if line.strip()]
    at = next((i for i, line in enumerate(lines) if judge.fatal(line)), None)
    if at is None:
        return tuple(lines[-_SHOWN:])
    return tuple(lines[max(0, at - _SHOWN_BEFORE) :][:_SHOWN])


def _cause(state: ServiceState, log: tuple[str, ...], judge: Judge) -> Cause:
    logs = command_line("stackctl", "logs", state.name)
    smaller = "lower backend.context, take a smaller quantisation, or raise the limit under [limits] in stack.toml"
    if state.oom_killed:
        return Cause(says="killed because it used more memory than it may", hint=smaller, kind="memory")
    for line in log:
        if cause := judge.fatal(line) or judge.ended(line):
            return cause
    if state.error:
        return Cause(says=f"did not start: {state.error}", hint=logs)
    if state.state != "running" and (cause := judge.exit_cause(state.exit_code)):
        return cause
    if state.exit_code == 137:
        says = "killed from outside (signal 9); mostly that is this machine running out of memory"
        return Cause(says=says, hint=f"{smaller}; sudo dmesg tells whether it was memory", kind="memory")
    if state.exit_code in {126, 127}:  # of tini and of a shell: what they were to run is not there
        says = f"its image {state.image} has no program that can be run there"
        return Cause(says=says, hint=f"is it the right image? look at image in stack.toml; {logs}", kind="config")
    if state.health == "unhealthy" and state.state == "running":
        return Cause(says="runs, but never answered its health check", hint=logs)
    return Cause(says=f"ended by itself (exit code {state.exit_code})", hint=logs)
