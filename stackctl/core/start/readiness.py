"""From the states of containers and their log lines to a verdict: ready, still waiting, or never."""

from collections.abc import Mapping

from stackctl.backends import BACKENDS
from stackctl.contracts.cause import Cause
from stackctl.contracts.judge import Judge
from stackctl.core.observed import ServiceState
from stackctl.core.start.judges import find_judge
from stackctl.errors import NotReady, StackctlError
from stackctl.terminal import command_line

_SHOWN, _SHOWN_BEFORE = 8, 5  # log lines in an error; of them before the telling one, which often has the cause
_WIDTH = 300  # columns of one
_EDGES = ("╭", "╰")
_SIGKILL = 128 + 9
_STOPPED = {0, 128 + 2, _SIGKILL, 128 + 15}  # how a program ends that is told to, in good time or not
_KILLED = (
    "Run `stackctl start` to start it again. `docker kill` and `kill -9` do that, and so does the kernel, which "
    "`sudo dmesg` shows."
)


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


def trouble(state: ServiceState, log: tuple[str, ...]) -> StackctlError | None:
    """Why a service is not ready, where it will not become so by itself; None where it is, or may still become it."""
    judge = find_judge(state.name)
    if state.is_ready:
        return None
    is_running = state.state == "running"
    is_known = state.oom_killed or state.error or any(map(judge.fatal, log))
    if is_known or state.state == "restarting" or (is_running and state.health == "unhealthy"):
        return failure(state, log)
    if is_running and state.restarts:
        words = f"{state.name} ended and was restarted {state.restarts} times so far"
        return NotReady(words, hint=_logs(state), evidence=evidence(log, judge))
    if is_running:
        return None
    if state.exit_code not in _STOPPED and (told(log, judge) or judge.exit_cause(state.exit_code)):
        return failure(state, log)
    words = f"{state.name} does not run ({state.state}, exit code {state.exit_code})"
    return NotReady(words, hint="Run `stackctl start`.", evidence=evidence(log, judge))


def told(log: tuple[str, ...], judge: Judge) -> tuple[int, Cause] | None:
    """(the number of the line that tells best why its program failed, the cause); None where no line tells.

    Of those that end a start the first; then the first that means something once the program has ended; and a line
    that says no more than that it failed only where nothing else is said, before it or after it.
    """
    fatal = [(at, cause) for at, line in enumerate(log) if (cause := judge.fatal(line))]
    ended = [(at, cause) for at, line in enumerate(log) if (cause := judge.ended(line))]
    found = [*fatal, *ended]
    return next((one for one in found if not one[1].is_generic), next(iter(found), None))


def evidence(log: tuple[str, ...], judge: Judge) -> tuple[str, ...]:
    """The log lines to show: those around the one that tells the cause, else the last; without frames around them."""
    lines = tuple(line for line in map(_unframed, log) if line.strip())
    found = told(lines, judge)
    return lines[max(0, found[0] - _SHOWN_BEFORE) :][:_SHOWN] if found else lines[-_SHOWN:]


def _unframed(line: str) -> str:
    """A line of the box that Python's rich draws around a traceback without it, or ""; not longer than one reads."""
    line = line.rstrip()
    if line.startswith(_EDGES):
        return ""
    line = line.strip("│ ") if line.startswith("│") else line
    return line if len(line) <= _WIDTH else f"{line[:_WIDTH]}..."


def _logs(state: ServiceState) -> str:
    return f"Run `{command_line('stackctl', 'logs', state.name)}` to see why."


def _cause(state: ServiceState, log: tuple[str, ...], judge: Judge) -> Cause:
    logs = _logs(state)
    if state.oom_killed:
        more = "Raise its memory limit under [limits] in stack.toml"
        hint = (
            f"{more}, lower `backend.context`, or use a smaller quantisation." if state.name in BACKENDS else f"{more}."
        )
        return Cause(says="killed because it used more memory than its limit", hint=hint, kind="memory")
    is_killed = state.exit_code == _SIGKILL and state.state != "running"
    # of a program that was killed, what it went on after explains nothing
    if (found := told(log, judge)) and not (is_killed and not any(map(judge.fatal, log))):
        return found[1]
    if state.error:
        return Cause(
            says=f"did not start: {state.error}",
            hint="Run `stackctl start`, which tries it again and reports what to do.",
        )
    if is_killed:
        says = "killed from outside (signal 9); the engine reports no lack of memory"
        return Cause(says=says, hint=_KILLED)
    if state.state != "running" and (cause := judge.exit_cause(state.exit_code)):
        return cause
    if state.exit_code in {126, 127}:  # of tini and of a shell: what they were to run is not there
        says = f"its image {state.image} has no program that runs on this machine"
        return Cause(says=says, hint=f"Check its image in stack.toml. {logs}", kind="config")
    if state.health == "unhealthy" and state.state == "running":
        return Cause(says="runs, but never answered its health check", hint=logs)
    return Cause(says=f"ended by itself (exit code {state.exit_code})", hint=logs)
