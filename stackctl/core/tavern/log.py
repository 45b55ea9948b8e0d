"""The causes that lines of SillyTavern's log stand for (contracts/judge.py)."""

from typing import Final

from stackctl.contracts.cause import Cause
from stackctl.contracts.judge import no_cause
from stackctl.contracts.signature import first_cause
from stackctl.core.tavern import signatures

_NODE: Final = "https://nodejs.org/api/errors.html"
LOG: Final = signatures.LOG


def fatal(line: str) -> Cause | None:
    return first_cause(signatures.STARTS, line)


def ended(line: str) -> Cause | None:
    # it logs the same for files that it can do without, and keeps running
    if "EACCES" in line or "EROFS" in line:
        return Cause(
            says=f"SillyTavern can't write its own files ({line.strip()[:160]})",
            hint="Give its data folder to the user of `sillytavern.uid`; `ls -ln` shows the present owner.",
            kind="config",
            issue="folder-not-writable",
            source=_NODE,
        )
    if "ENOSPC" in line:
        return Cause(
            says="SillyTavern found the disk full",
            hint="Free some space, then run `stackctl deploy`.",
            issue="disk-full",
            source=_NODE,
        )
    return None


exit_cause: Final = no_cause
