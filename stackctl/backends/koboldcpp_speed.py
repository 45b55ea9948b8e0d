"""How fast KoboldCpp writes, by its own figures."""

import re
from typing import Final

from stackctl.backends.answers import number
from stackctl.backends.contract import Speaks
from stackctl.contracts.json_table import parse_table
from stackctl.contracts.request import Request
from stackctl.contracts.timing import Timing

# open with and without the password. Its log has the same figure, but the line ends only when the next one is written
SPEED: Final[Speaks] = Request(path="/api/extra/perf")
# "CtxLimit:5120/8192, Amt:120/512, Init:0.01s, Process:2.00s (342.00T/s), Generate:...", with "ms/T = " until 1.7x
_REPLY: Final = re.compile(
    r"CtxLimit:(\d{1,9})/\d{1,9}, Amt:(\d{1,9})/\d{1,9},.{0,40}? Process:(\d{1,9}\.\d+)s "
    r"\((?:\d+\.\d+ms/T = )?(\d{1,9}\.\d+)T/s\), Generate:(\d{1,9}\.\d+)s"
)
_SHIFTED: Final = re.compile(r"\[Context Shifting: Erased (\d{1,9}) tokens at position \d{1,9}\]")
_PACE: Final = re.compile(r"Generate:\d+\.\d+s \((?:\d+\.\d+ms/T = )?(\d{1,9}\.\d+)T/s\)")


def speed(said: str) -> float | None:
    # koboldcpp.py, /api/extra/perf: `last_eval` is milliseconds a token, also in 1.76; the prompt has separate figures
    last = parse_table(said)
    per_token_ms = number(last.get("last_eval"))
    return 1000 / per_token_ms if per_token_ms and number(last.get("last_token_count")) else None


def pace(line: str) -> float | None:
    # gpttype_adapter.cpp, at the end of a generation: "Generate:1.20s (31.20T/s)"; until 1.7x "(32.1ms/T = 31.20T/s)"
    found = _PACE.search(line)
    return (float(found[1]) or None) if found else None


def timing(line: str) -> Timing | None:
    """Return what a line says of a reply; None for any other line."""
    # gpttype_adapter.cpp: the context's tokens at the end, those of the reply among them; seconds and tokens a second
    if found := _REPLY.search(line):
        written, read_s = int(found[2]), float(found[3])
        return Timing(
            ends=True,
            prompt=max(0, int(found[1]) - written),
            read=round(read_s * float(found[4])),
            read_s=read_s,
            written=written,
            written_s=float(found[5]),
        )
    # purge_missing_tokens(): a prompt whose beginning was cut off is shifted, so that its rest stays
    found = _SHIFTED.search(line)
    return Timing(shifted=int(found[1])) if found else None
