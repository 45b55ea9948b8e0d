"""From the states of containers and their log lines to a verdict: ready, still waiting, or never."""

from collections.abc import Mapping

from stackctl.backends.contract import Backend
from stackctl.contracts.cause import Cause
from stackctl.core.observed import ServiceState
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


def failure(state: ServiceState, log: tuple[str, ...], backend: Backend) -> StackctlError:
    """The error for a service that will never be ready; its cause is read from its log, then from its end."""
    return _cause(state, log, backend).error(state.name, evidence(log, backend))


def fatal(line: str, name: str, backend: Backend) -> Cause | None:
    """The cause, if a log line of a service means that it will never be ready."""
    return backend.fatal(line) if name == backend.NAME else _tavern_fatal(line)


def evidence(log: tuple[str, ...], backend: Backend) -> tuple[str, ...]:
    """The log lines to show: those around the first fatal one, else the last."""
    lines = [line for line in log if line.strip()]
    at = next((i for i, line in enumerate(lines) if backend.fatal(line) or _tavern_fatal(line)), None)
    if at is None:
        return tuple(lines[-_SHOWN:])
    return tuple(lines[max(0, at - _SHOWN_BEFORE) :][:_SHOWN])


def _cause(state: ServiceState, log: tuple[str, ...], backend: Backend) -> Cause:
    logs = command_line("stackctl", "logs", state.name)
    smaller = "lower backend.context, take a smaller quantisation, or raise the limit under [limits] in stack.toml"
    if state.oom_killed:
        return Cause(says="killed because it used more memory than it may", hint=smaller, kind="memory")
    for line in log:
        cause = fatal(line, state.name, backend)
        if cause is None and state.name != backend.NAME:
            cause = _tavern_ended(line)
        if cause:
            return cause
    if state.error:
        return Cause(says=f"did not start: {state.error}", hint=logs)
    if state.name == backend.NAME and state.state != "running" and (ended := backend.exit_cause(state.exit_code)):
        return ended
    if state.exit_code == 137:
        says = "killed from outside (signal 9); mostly that is this machine running out of memory"
        return Cause(says=says, hint=f"{smaller}; sudo dmesg tells whether it was memory", kind="memory")
    if state.exit_code in {126, 127}:  # of tini and of a shell: what they were to run is not there
        says = f"its image {state.image} has no program that can be run there"
        return Cause(says=says, hint=f"is it the right image? look at image in stack.toml; {logs}", kind="config")
    if state.health == "unhealthy" and state.state == "running":
        return Cause(says="runs, but never answered its health check", hint=logs)
    return Cause(says=f"ended by itself (exit code {state.exit_code})", hint=logs)


def _tavern_fatal(line: str) -> Cause | None:
    config = "look at config.yaml in SillyTavern's config folder, and at compose.override.yml"
    if "Your current SillyTavern configuration is insecure" in line:
        return Cause(
            says="SillyTavern refuses its configuration: it listens, with neither whitelist nor password",
            hint=config,
            kind="config",
        )
    if "Failed to read config.yaml" in line or "YAMLException" in line or "YAMLParseError" in line:
        return Cause(says="SillyTavern can't read its config.yaml", hint=config, kind="config")
    return None


def _tavern_ended(line: str) -> Cause | None:
    """What a line means once SillyTavern has ended; it writes the same of files that it can do without."""
    if "EACCES" in line or "EROFS" in line:
        return Cause(
            says=f"SillyTavern can't write its own files ({line.strip()[:160]})",
            hint="its data folder must belong to the user that sillytavern.uid names: ls -ln shows it",
            kind="config",
        )
    if "ENOSPC" in line:
        return Cause(says="SillyTavern found the disk full", hint="free some space, then: stackctl deploy")
    return None
