"""Lines of llama-server about an argument that it refuses."""

from typing import Final

from stackctl.contracts.cause import Cause
from stackctl.contracts.signature import Signature

_ARGUMENTS: Final = "ggml-org/llama.cpp: common/arg.cpp"
REFUSED: Final = (
    Signature(
        marks=(
            "error: invalid argument:", "error: unknown argument:", "error while handling argument",
            "has been removed",
        ),
        pattern=r"error: (?:invalid|unknown) argument: (.{1,120})|error while handling argument (.{1,160})"
        r"|error: the argument (.{1,60}) has been removed",
        cause=Cause(
            says="llama-server refused an argument: {0}{1}{2}",
            hint="Check it in `llama-server --help` of this version, and write each word as a separate string.",
            kind="config",
            issue="argument-refused",
            source=_ARGUMENTS,
        ),
    ),
)  # fmt: skip
