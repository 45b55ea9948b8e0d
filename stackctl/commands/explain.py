"""`stackctl explain`: the cause that stands in a log."""

from dataclasses import dataclass

from stackctl.backends import BACKENDS
from stackctl.core.engine import log as engine_log
from stackctl.core.explain.explanation import Explanation, Reader, explain
from stackctl.core.explain.lines import read_lines
from stackctl.core.tavern import log as tavern_log
from stackctl.orchestrators import ORCHESTRATOR_LOGS


@dataclass(frozen=True, kw_only=True)
class LogText:
    """A log as it was read. tail: its end, where it was too long to read whole; size: its bytes, 0 if unknown."""

    name: str
    head: str
    tail: str = ""
    size: int = 0


@dataclass(frozen=True, kw_only=True)
class Explained:
    log: LogText
    lines: int
    explanation: Explanation


def readers() -> tuple[Reader, ...]:
    """Return what is known of every program's log, the surest words first."""
    return (
        Reader(log=engine_log.LOG),
        *(Reader(log=one) for one in ORCHESTRATOR_LOGS),
        *(Reader(log=one.LOG, fatal=one.fatal) for one in BACKENDS.values()),
        Reader(log=tavern_log.LOG, fatal=tavern_log.fatal),
        Reader(log=engine_log.SYSTEM_LOG),
    )


def explain_log(log: LogText) -> Explained:
    lines = read_lines(log.head, log.tail)
    return Explained(log=log, lines=len(lines), explanation=explain(lines, readers()))
