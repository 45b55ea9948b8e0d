"""The whole error family of stackctl, with the exit code of each class.

StackctlError
├── ConfigError   3   stack.toml, a flag or a file of the deployment's folder is wrong
│   └── NothingToAdopt  no SillyTavern is where it was looked for
├── EngineError   4   the container engine, Compose or an image is not available
│   ├── NoAnswer      the engine does not answer in time
│   ├── Unmountable   the engine can't mount a file or folder of this machine
│   └── Taken         a port or subnet that was free when it was chosen is now in use
├── GpuError      5   the GPU can't be given to the backend
├── DoesNotFit    6   memory or disk is too small for what was asked
├── NotReady      7   the stack did not come up right, or not in time
│   └── Late          not in time: the services keep starting
├── ModelError    8   a model or program file is missing, damaged or of another kind
│   ├── SeveralModels a folder holds more than one model
│   └── TooManyRequests  a server takes no more requests for a while
├── DataError     9   the user's data could not be written or kept safe
├── Exposed       10  the stack answers where it must not
└── Interrupted   130 Ctrl-C, with a message about what was left undone

Exit code 2 is click's (usage), 130 is Ctrl-C (or SIGTERM, SIGHUP), 1 is a bug, shown as a traceback.
"""

from typing import Literal

# an error class as scripts know it (docs/json.md)
Kind = Literal[
    "config", "engine", "in_use", "gpu", "does_not_fit", "not_ready", "timeout", "model", "data", "not_mountable",
    "exposed", "interrupted",
]  # fmt: skip
INTERRUPTED = 130


class StackctlError(Exception):
    """An expected failure: what is wrong (message), what to do next (hint), what shows it (evidence)."""

    kind: Kind
    exit_code = 1
    issue = ""  # the id of the page that explains it (stackctl/issues): that of its class, unless a raise names another
    rolled_back: bool | None = None  # after a failed deploy: whether the former stack runs again; None if there is none

    def __init__(self, message: str, *, hint: str = "", evidence: tuple[str, ...] = (), issue: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.evidence = evidence
        self.issue = issue or self.issue


class ConfigError(StackctlError):
    kind = "config"
    exit_code = 3
    issue = "settings-wrong"


class NothingToAdopt(ConfigError):
    issue = "nothing-to-adopt"


class EngineError(StackctlError):
    kind: Kind = "engine"
    exit_code = 4
    issue = "engine-refused"


class NoAnswer(EngineError):
    issue = "engine-no-answer"


class Unmountable(EngineError):
    kind = "not_mountable"
    issue = "folder-not-seen"


class Taken(EngineError):
    kind = "in_use"
    issue = "port-taken"


class GpuError(StackctlError):
    kind = "gpu"
    exit_code = 5
    issue = "gpu-unavailable"


class DoesNotFit(StackctlError):
    kind = "does_not_fit"
    exit_code = 6
    issue = "memory-too-small"


class NotReady(StackctlError):
    kind: Kind = "not_ready"
    exit_code = 7
    issue = "not-ready"


class Late(NotReady):
    kind = "timeout"
    issue = "time-limit-reached"


class ModelError(StackctlError):
    kind = "model"
    exit_code = 8
    issue = "model-unusable"


class SeveralModels(ModelError):
    """Carries the paths of the models, so that a caller may look at each."""

    issue = "model-not-named"

    def __init__(self, message: str, *, hint: str, paths: tuple[str, ...]) -> None:
        super().__init__(message, hint=hint)
        self.paths = paths


class TooManyRequests(ModelError):
    """Carries how long the server asks to wait, in seconds; 0.0 if it does not say."""

    issue = "download-rate-limited"

    def __init__(self, message: str, *, hint: str, wait_s: float) -> None:
        super().__init__(message, hint=hint)
        self.wait_s = wait_s


class DataError(StackctlError):
    kind: Kind = "data"
    exit_code = 9
    issue = "data-not-kept"


class Exposed(StackctlError):
    kind = "exposed"
    exit_code = 10
    issue = "reachable-from-outside"


class Interrupted(StackctlError):
    kind = "interrupted"
    exit_code = 130


def exit_code_of(kind: Kind) -> int:
    """Return the exit code of an error's class, by the name that scripts know."""
    families = [StackctlError]
    for one in families:
        families += one.__subclasses__()
    return next(one.exit_code for one in families[1:] if one.kind == kind)
