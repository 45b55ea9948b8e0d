"""What lines of SillyTavern's log mean (contracts/judge.py)."""

from typing import Final

from stackctl.contracts.cause import Cause
from stackctl.contracts.judge import no_cause

_CONFIG: Final = "look at config.yaml in SillyTavern's config folder, and at compose.override.yml"


def fatal(line: str) -> Cause | None:
    if "Your current SillyTavern configuration is insecure" in line:
        return Cause(
            says="SillyTavern refuses its configuration: it listens, with neither whitelist nor password",
            hint=_CONFIG,
            kind="config",
        )
    if "Failed to read config.yaml" in line or "YAMLException" in line or "YAMLParseError" in line:
        return Cause(says="SillyTavern can't read its config.yaml", hint=_CONFIG, kind="config")
    return None


def ended(line: str) -> Cause | None:
    # it writes the same of files that it can do without, and goes on
    if "EACCES" in line or "EROFS" in line:
        return Cause(
            says=f"SillyTavern can't write its own files ({line.strip()[:160]})",
            hint="its data folder must belong to the user that sillytavern.uid names: ls -ln shows it",
            kind="config",
        )
    if "ENOSPC" in line:
        return Cause(says="SillyTavern found the disk full", hint="free some space, then: stackctl deploy")
    return None


exit_cause: Final = no_cause
