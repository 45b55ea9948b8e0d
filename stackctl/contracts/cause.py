"""The cause of a service's failure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from stackctl.errors import ConfigError, DoesNotFit, GpuError, ModelError, NotReady, StackctlError

Kind = Literal["not ready", "model", "gpu", "memory", "config"]
_ERRORS: Final[Mapping[Kind, type[StackctlError]]] = {
    "not ready": NotReady,
    "model": ModelError,
    "gpu": GpuError,
    "memory": DoesNotFit,
    "config": ConfigError,
}


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Why a service failed, and what to do (hint). Its kind decides the class of error.

    issue: the id of the page that explains it; source: where the program's words are known from, as an address or as a
    file of the program's sources.
    is_generic: it says only that the service failed, so a cause that says why takes precedence, wherever it stands.
    """

    says: str
    hint: str
    kind: Kind = "not ready"
    is_generic: bool = False
    issue: str = ""
    source: str = ""

    def error(self, whose: str, evidence: tuple[str, ...] = ()) -> StackctlError:
        """Return the error for the service (or server) of this name; evidence: the log lines that show the cause."""
        return _ERRORS[self.kind](f"{whose}: {self.says}", hint=self.hint, evidence=evidence, issue=self.issue)
