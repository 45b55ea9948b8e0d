"""Reports of a smoke run for other programs: JUnit, and GitHub's job summary and annotations."""

import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stackctl.core.smoke.github_report import annotations, summary
from stackctl.core.smoke.junit import junit
from stackctl.core.smoke.result import Smoked
from stackctl.machine import Machine


@dataclass(frozen=True, kw_only=True)
class Reports:
    """The reports that are wanted, with their paths."""

    junit: Path | None = None
    summary: Path | None = None
    annotate: bool = False


def report(machine: Machine, smoked: Smoked, wanted: Reports) -> None:
    """Write the reports; raise DataError if one can't be written."""
    if wanted.junit:
        began = datetime.now(UTC) - timedelta(seconds=smoked.seconds)
        text = junit(smoked, timestamp=began.strftime("%Y-%m-%dT%H:%M:%S"), hostname=socket.gethostname())
        machine.storage.overwrite(wanted.junit, machine.ui.redacted(text))
    if wanted.summary:
        machine.storage.append(wanted.summary, machine.ui.redacted(summary(smoked)))
    if wanted.annotate:
        machine.ui.told(annotations(smoked))
