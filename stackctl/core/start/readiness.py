"""Judges services by the states and log lines of their containers: ready, still waiting, or failed."""

from collections.abc import Mapping
from typing import Final

from stackctl.backends import BACKENDS
from stackctl.contracts.cause import Cause
from stackctl.contracts.judge import Judge
from stackctl.core.gpu.lost_gpu import lost_gpu
from stackctl.core.observed import ServiceState
from stackctl.core.start.judges import find_judge
from stackctl.errors import NotReady, StackctlError
from stackctl.terminal import command_line

_SHOWN, _SHOWN_BEFORE = 8, 5  # log lines in an error, and how many of them come before the decisive one
_WIDTH = 300  # characters of one line
_EDGES = ("╭", "╰")
_SIGKILL = 128 + 9
_ENGINE: Final = "https://docs.docker.com/reference/cli/docker/container/run/#exit-status"
# exit codes of a program that was asked to stop, and did so in time or not
STOPPED: Final = frozenset({0, 128 + 2, _SIGKILL, 128 + 15})
_KILLED = (
    "Run `stackctl start` to start it again. `docker kill` and `kill -9` do that, and so does the kernel, which "
    "`sudo dmesg` shows."
)


def waiting_for(
    services: tuple[str, ...], states: Mapping[str, ServiceState], progress: Mapping[str, str]
) -> tuple[str, ...]:
    """Return what each service still waits for; () if all are ready."""
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
    """Return the backend's progress until it answers; "" if it answers, or is external."""
    state = states.get(backend)
    return "" if state is None or state.is_ready else progress.get(backend) or "starting"


def failure(state: ServiceState, log: tuple[str, ...]) -> StackctlError:
    """Return the error for a failed service; its cause is read from its log, or else from its exit code."""
    judge = find_judge(state.name)
    return _cause(state, log, judge).error(state.name, evidence(log, judge))


def trouble(state: ServiceState, log: tuple[str, ...]) -> StackctlError | None:
    """Return the error of a service that will not become ready by itself; None if it is ready or may become so."""
    judge = find_judge(state.name)
    if state.is_ready:
        return None
    is_running = state.state == "running"
    is_known = state.oom_killed or state.error or any(map(judge.fatal, log))
    if is_known or state.state == "restarting" or (is_running and state.health == "unhealthy"):
        return failure(state, log)
    if is_running and state.restarts:
        words = f"{state.name} ended and was restarted {state.restarts} times so far"
        return NotReady(words, hint=_logs(state), evidence=evidence(log, judge), issue=_issue(state))
    if is_running:
        return None
    if state.exit_code not in STOPPED and (told(log, judge) or judge.exit_cause(state.exit_code)):
        return failure(state, log)
    words = f"{state.name} does not run ({state.state}, exit code {state.exit_code})"
    return NotReady(words, hint="Run `stackctl start`.", evidence=evidence(log, judge), issue="services-stopped")


def told(log: tuple[str, ...], judge: Judge) -> tuple[int, Cause] | None:
    """Return (line number, cause) for the line that explains a failure best; None if no line does.

    The first line that ends a start wins, then the first one that explains an ended program. A line that says only
    that it failed counts if no other line gives a cause.
    """
    fatal = [(at, cause) for at, line in enumerate(log) if (cause := judge.fatal(line))]
    ended = [(at, cause) for at, line in enumerate(log) if (cause := judge.ended(line))]
    found = [*fatal, *ended]
    return next((one for one in found if not one[1].is_generic), next(iter(found), None))


def evidence(log: tuple[str, ...], judge: Judge) -> tuple[str, ...]:
    """Return the log lines to show: those around the line with the cause, else the last ones; without frames."""
    lines = tuple(line for line in map(_unframed, log) if line.strip())
    found = told(lines, judge)
    return lines[max(0, found[0] - _SHOWN_BEFORE) :][:_SHOWN] if found else lines[-_SHOWN:]


def _unframed(line: str) -> str:
    """Return a line without the box that Python's rich draws around a traceback, and cut to _WIDTH."""
    line = line.rstrip()
    if line.startswith(_EDGES):
        return ""
    line = line.strip("│ ") if line.startswith("│") else line
    return line if len(line) <= _WIDTH else f"{line[:_WIDTH]}..."


def _logs(state: ServiceState) -> str:
    return f"Run `{command_line('stackctl', 'logs', state.name)}` to see why."


def _issue(state: ServiceState) -> str:
    """Return the page that explains the failure of a service whose cause is unknown."""
    return "backend-failed" if state.name in BACKENDS else "sillytavern-failed"


def _cause(state: ServiceState, log: tuple[str, ...], judge: Judge) -> Cause:
    logs = _logs(state)
    if state.oom_killed:
        more = "Raise its memory limit under [limits] in stack.toml"
        hint = (
            f"{more}, lower `backend.context`, or use a smaller quantisation." if state.name in BACKENDS else f"{more}."
        )
        says = "killed because it used more memory than its limit"
        return Cause(says=says, hint=hint, kind="memory", issue="memory-limit-reached", source=_ENGINE)
    if state.is_only_unhealthy and (lost := lost_gpu(state.health_output)):
        return lost
    is_killed = state.exit_code == _SIGKILL and state.state != "running"
    # a line after which a program continued does not explain why it was killed
    if (found := told(log, judge)) and not (is_killed and not any(map(judge.fatal, log))):
        return found[1]
    if state.error:
        return Cause(
            says=f"did not start: {state.error}",
            hint="Run `stackctl start`, which tries it again and reports what to do.",
            issue="container-not-created",
            source=_ENGINE,
        )
    if is_killed:
        says = "killed from outside (signal 9); the engine reports no lack of memory"
        return Cause(says=says, hint=_KILLED, issue="service-killed", source=_ENGINE)
    if state.state != "running" and (cause := judge.exit_cause(state.exit_code)):
        return cause
    if state.exit_code in {126, 127}:  # tini's and a shell's codes for a missing program
        says = f"its image {state.image} has no program that runs on this machine"
        hint = f"Check its image in stack.toml. {logs}"
        return Cause(says=says, hint=hint, kind="config", issue="image-lacks-program", source=_ENGINE)
    if state.health == "unhealthy" and state.state == "running":
        says = "runs, but never answered its health check"
        return Cause(says=says, hint=logs, issue=_issue(state), source=_ENGINE)
    says = f"ended by itself (exit code {state.exit_code})"
    return Cause(says=says, hint=logs, issue=_issue(state), source=_ENGINE)
