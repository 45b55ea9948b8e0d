"""The causes that lines of SillyTavern's log stand for (contracts/judge.py)."""

from typing import Final

from stackctl.contracts.cause import Cause
from stackctl.contracts.judge import no_cause

_CONFIG: Final = "Check config.yaml in SillyTavern's config folder, and compose.override.yml."


def fatal(line: str) -> Cause | None:
    if "Your current SillyTavern configuration is insecure" in line:
        return Cause(
            says="SillyTavern refuses its configuration: it listens with neither a whitelist nor a password",
            hint=_CONFIG,
            kind="config",
        )
    if "Failed to read config.yaml" in line or "YAMLException" in line or "YAMLParseError" in line:
        return Cause(says="SillyTavern can't read its config.yaml", hint=_CONFIG, kind="config")
    return None


def ended(line: str) -> Cause | None:
    # it logs the same for files that it can do without, and keeps running
    if "EACCES" in line or "EROFS" in line:
        return Cause(
            says=f"SillyTavern can't write its own files ({line.strip()[:160]})",
            hint="Give its data folder to the user of `sillytavern.uid`; `ls -ln` shows the present owner.",
            kind="config",
        )
    if "ENOSPC" in line:
        return Cause(says="SillyTavern found the disk full", hint="Free some space, then run `stackctl deploy`.")
    return None


exit_cause: Final = no_cause
