"""`stackctl explain`: the cause that stands in a log."""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from stackctl.backends import BACKENDS
from stackctl.contracts.signature import ProgramLog
from stackctl.core.engine import log as engine_log
from stackctl.core.explain import own_words
from stackctl.core.explain.explanation import Explanation, explain
from stackctl.core.explain.lines import read_lines
from stackctl.core.explain.log_text import LogText
from stackctl.core.tavern import log as tavern_log
from stackctl.errors import ConfigError
from stackctl.issues import ISSUES
from stackctl.issues.issue import Issue
from stackctl.machine import Machine
from stackctl.orchestrators import ORCHESTRATOR_LOGS
from stackctl.terminal import command_line

_NAME_ONE: Final = "Name a log file, or pipe one in: `docker compose logs | stackctl explain -`."
_ALIKE: Final = 0.75  # how similar a word must be to an issue's id


@dataclass(frozen=True, kw_only=True)
class Explained:
    """A log and what it explains; lines: how many were read."""

    log: LogText
    lines: int
    explanation: Explanation


def logs() -> tuple[ProgramLog, ...]:
    """Return what is known of every program's log, the surest words first."""
    return (
        engine_log.LOG,
        *ORCHESTRATOR_LOGS,
        *(one.LOG for one in BACKENDS.values()),
        tavern_log.LOG,
        own_words.LOG,
        engine_log.SYSTEM_LOG,
    )


def explain_word(machine: Machine, wanted: str) -> Explained | Issue:
    """Return what a log explains, or the issue of this id; a file takes precedence over an id."""
    if wanted in ISSUES and not machine.storage.is_here(wanted, machine.path):
        return ISSUES[wanted]
    if wanted != "-" and not machine.storage.is_here(wanted, machine.path):
        near = get_close_matches(wanted, ISSUES, n=1, cutoff=_ALIKE)
        hint = (
            f"Run `{command_line('stackctl', 'explain', near[0])}` for that issue, or name a log."
            if near
            else _NAME_ONE
        )
        raise ConfigError(f"{wanted} is neither a file here nor an issue's id", hint=hint)
    return explain_log(machine.storage.log(wanted, machine.path))


def explain_log(log: LogText) -> Explained:
    lines = read_lines(log.head, log.tail)
    return Explained(log=log, lines=len(lines), explanation=explain(lines, logs()))
