"""The causes that lines of KoboldCpp's log and its exit codes stand for (contracts/judge.py).

Sources: koboldcpp.py of LostRuins/koboldcpp 1.117.1 (read), and PyInstaller, which unpacks it.
"""

import re
from typing import Final

from stackctl.backends.command_line import refused_argument
from stackctl.backends.llama_causes import CHECK_MODEL, not_loaded
from stackctl.backends.llama_failures import load_ended, load_failure, signal_cause
from stackctl.contracts.cause import Cause
from stackctl.contracts.signature import Signature, exactly, first_cause

TITLE: Final = "KoboldCpp"
_PROGRAM: Final = "LostRuins/koboldcpp: koboldcpp.py"
_PYINSTALLER: Final = "https://pyinstaller.org/en/stable/operating-mode.html"
_LAST_WORDS: Final = "Run `stackctl logs koboldcpp` to see its last lines."
UNPACKING: Final = exactly(
    Signature(
        marks=("failed to map segment from shared object",),
        cause=Cause(
            says="KoboldCpp can't load the libraries that it unpacks: its TMPDIR is mounted noexec",
            hint="Add `exec` to the options of this service's tmpfs /tmp in compose.override.yml.",
            issue="backend-failed",
            source=_PYINSTALLER,
        ),
    ),
    Signature(
        marks=("Could not create temporary directory",),
        cause=Cause(
            says="KoboldCpp can't unpack itself: its TMPDIR is not writable",
            hint="Check this service's tmpfs /tmp in compose.override.yml: it must be writable.",
            issue="backend-failed",
            source=_PYINSTALLER,
        ),
    ),
    Signature(
        marks=("No space left on device", "Failed to extract"),
        cause=Cause(
            says="KoboldCpp has too little space in /tmp to unpack itself",
            hint="Raise the size of this service's tmpfs /tmp in compose.override.yml.",
            issue="disk-full",
            source=_PYINSTALLER,
        ),
    ),
    Signature(
        marks=("kcpp config file invalid or not found",),
        cause=Cause(
            says="KoboldCpp can't read its configuration file",
            hint="Remove --config from `backend.extra_args` in stack.toml.",
            kind="config",
            issue="settings-wrong",
            source=_PROGRAM,
        ),
    ),
)
_NO_MODEL: Final = exactly(
    Signature(
        marks=("Cannot find text model file",),
        cause=Cause(
            says="KoboldCpp does not find the model file",
            hint=CHECK_MODEL,
            kind="model",
            issue="model-missing",
            source=_PROGRAM,
        ),
    ),
)
# before the load it tries how much fits on the GPU (params_fit); a failure of that trial is not one of the load
_GAVE_UP: Final = re.compile(r"^(?!.*params_fit).*failed to load model")


def fatal(line: str) -> Cause | None:
    if cause := first_cause(UNPACKING, line) or refused_argument(line, TITLE, "program"):
        return cause
    if cause := first_cause(_NO_MODEL, line) or load_failure(line):
        return cause
    if "Load Text Model OK: False" in line or "Could not load text model" in line or _GAVE_UP.search(line):
        return not_loaded("KoboldCpp could not load the model")
    if "Failed to execute script" in line:  # PyInstaller, after a traceback
        return Cause(
            says="KoboldCpp stopped with an error",
            hint=_LAST_WORDS,
            is_generic=True,
            issue="backend-failed",
            source=_PYINSTALLER,
        )
    return None


ended: Final = load_ended


def exit_cause(code: int) -> Cause | None:
    if code == 2:  # argparse, and its own check of the model's path
        return Cause(
            says="KoboldCpp refused its arguments or did not find the model",
            hint=_LAST_WORDS,
            kind="config",
            issue="argument-refused",
            source=_PROGRAM,
        )
    if code == 3:
        return Cause(
            says="KoboldCpp could not load the model",
            hint=_LAST_WORDS,
            kind="model",
            issue="backend-failed",
            source=_PROGRAM,
        )
    if code == 139:  # 128 + SIGSEGV
        # llama.cpp returned no model (damaged, unknown, or too large for the memory) and KoboldCpp did not check it
        return Cause(
            says="KoboldCpp crashed while it loaded the model",
            hint=_LAST_WORDS,
            kind="model",
            issue="backend-failed",
            source="https://github.com/LostRuins/koboldcpp/issues/1852",
        )
    return signal_cause(code)
