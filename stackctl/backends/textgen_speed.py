"""How fast text-generation-webui answers, by its log.

Sources: modules/text_generation.py of oobabooga/text-generation-webui, which writes one line after each reply, whose
time includes that of reading the prompt; and modules/llama_cpp_server.py, which hides the lines of its llama-server
that begin with "slot" or "srv": what is kept of a prompt is known only where the figures stand on separate lines.
"""

import re
from typing import Final

from stackctl.backends.answers import number
from stackctl.backends.contract import Speaks
from stackctl.backends.llama_timing import log_timing
from stackctl.contracts.timing import Timing

SPEED: Final[Speaks] = "log"
_REPLY: Final = re.compile(
    r"Output generated in (\d{1,9}\.\d+) seconds \((\d{1,9}\.\d+) tokens/s, (\d{1,9}) tokens, context (\d{1,9}), "
)


def speed(said: str) -> float | None:
    """Return the tokens a second of a reply, from the line about it; None for a reply without tokens."""
    found = _REPLY.search(said)
    return (number(float(found[2])) or None) if found and int(found[3]) else None


def timing(line: str) -> Timing | None:
    """Return what a line says of a reply: that of the program itself, or of its llama-server, which comes first."""
    if found := _REPLY.search(line):
        return Timing(whole_s=float(found[1]), written=int(found[3]), prompt=int(found[4]), ends=True)
    of_server = log_timing(line)
    if of_server is None:
        return None
    # the reply ends with the line of the program itself
    return Timing(
        read=of_server.read,
        read_s=of_server.read_s,
        written=of_server.written,
        written_s=of_server.written_s,
        kept=of_server.kept,
        cant_go_back=of_server.cant_go_back,
    )
