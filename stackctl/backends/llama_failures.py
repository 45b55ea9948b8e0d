"""The causes of a failed start of a program built on llama.cpp's loader, from its log lines and its exit code.

Source: src/llama-model-loader.cpp, src/llama-model.cpp, src/llama.cpp, ggml/src/gguf.cpp and ggml-cuda of
ggml-org/llama.cpp, and what public threads show (tests/backends/test_causes.py names them).
"""

import re

from stackctl.backends.llama_causes import ASSERTION, OLD_CPU, QUOTES
from stackctl.backends.llama_offload import init_failure
from stackctl.backends.llama_starts import ENDED, FATAL
from stackctl.contracts.cause import Cause
from stackctl.contracts.signature import first_cause

_SIGILL, _SIGABRT = 128 + 4, 128 + 6


def load_failure(line: str) -> Cause | None:
    """Return the cause if a line of the loader means that this model will not load, else None."""
    # after the first it continues on the CPU, and that is well unless a GPU was asked for
    if init_failure(line) or re.match(QUOTES, line):
        return None
    return first_cause(FATAL, line)


def load_ended(line: str) -> Cause | None:
    """Return the cause that a line of the loader names if the program has ended; None if it names none.

    While the program runs such a line is no failure: the loader may continue after it.
    """
    return init_failure(line) or first_cause(ENDED, line)


def signal_cause(code: int) -> Cause | None:
    """Return the cause if a program built on llama.cpp ended by a signal, by its exit code; else None."""
    return {_SIGILL: OLD_CPU, _SIGABRT: ASSERTION}.get(code)


def refused_server_argument(line: str, hint: str) -> Cause | None:
    """Return the cause if a line is llama-server's error about an unknown argument, else None. hint: a sentence."""
    _, found, argument = line.partition("error: invalid argument: ")
    if not found:
        return None
    if " " in argument.strip():
        hint = f"Write each word as a separate string, as in `{argument.split()}`. {hint}"
    return Cause(
        says=f"llama-server does not know the argument {argument.strip()}",
        hint=hint,
        kind="config",
        issue="argument-refused",
        source="ggml-org/llama.cpp: common/arg.cpp",
    )
