"""The list of smoke's checks, in a separate file because every command's help loads it."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check. needs: checks without which it could only fail for the same reason."""

    name: str  # stable, for --only, JSON and JUnit
    says: str  # what a pass shows
    needs: tuple[str, ...] = ()


# in order of dependence: the first failure is the most fundamental one, and decides the exit code
CHECKS: Final = (
    Check(name="services", says="every container runs and is healthy"),
    Check(name="page", says="SillyTavern's page, its scripts and style sheets are served"),
    Check(name="whitelist", says="SillyTavern lets this machine in, and no other container", needs=("page",)),
    Check(name="origin", says="a web page of another name or origin reads and changes nothing", needs=("page",)),
    Check(
        name="key", says="SillyTavern sends the backend's key, and no request without it is answered", needs=("page",)
    ),
    Check(name="wiring", says="SillyTavern reaches the planned backend by its name", needs=("page", "key")),
    Check(name="model", says="the model is the planned one", needs=("wiring",)),
    Check(name="context", says="the context is the planned one", needs=("wiring",)),
    Check(name="reply", says="an answer comes through SillyTavern, whole", needs=("wiring",)),
    Check(name="streaming", says="the same answer streams piece by piece to a proper end", needs=("wiring",)),
    Check(name="encoding", says="no character was damaged on the way", needs=("streaming",)),
    Check(name="isolation", says="only SillyTavern can reach the backend"),
    Check(name="exposure", says="what is reachable from where is as planned", needs=("wiring",)),
    Check(name="restart", says="after a restart of the backend SillyTavern gets its answer again", needs=("reply",)),
)
DEPLOY: Final = Check(name="deploy", says="a new stack comes up")
