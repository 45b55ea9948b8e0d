"""How fast KoboldCpp writes, by its own figures."""

import re
from typing import Final

from stackctl.backends.answers import number
from stackctl.backends.contract import Speaks
from stackctl.contracts.json_table import parse_table
from stackctl.contracts.request import Request

# open with and without the password. Its log has the same figure, but the line ends only when the next one is written
SPEED: Final[Speaks] = Request(path="/api/extra/perf")
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
