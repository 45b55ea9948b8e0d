"""What llama-server's log says of the time that a reply took.

Sources: tools/server/server-context.cpp of ggml-org/llama.cpp (read; Debian's build of it was run), and what public
threads show of other versions: ggml-org/llama.cpp issues 14625 ("kv cache rm") and 24714, pull requests 13194 and
23269. Until 2026 the figures of one reply stood on separate lines, without the words before them.

- "new prompt, n_ctx_slot = 2048, n_keep = 0, task.n_tokens = 1217": a request begins; the prompt's length.
- "cached n_tokens = 4, memory_seq_rm [4, end)": what is kept of the prompt before; again for each batch, with more.
- "forcing full prompt re-processing due to lack of cache data": a model with a sliding window or a recurrent state.
- "prompt eval time = ... ms / N tokens", "eval time = ... ms / N tokens": the reply has ended.
"""

import re
from typing import Final

from stackctl.contracts.timing import Timing

_BEGINS: Final = re.compile(r"new prompt, n_ctx_slot = \d{1,9}, .{0,80}?(?:task\.n_tokens|n_prompt_tokens) = (\d{1,9})")
_KEPT: Final = re.compile(r"(?:memory_seq_rm|kv cache rm) \[(\d{1,9}), end\)")
_READ: Final = re.compile(r"prompt eval time = +(\d{1,12}\.\d+) ms / +(\d{1,9}) tokens")
_WRITTEN: Final = re.compile(r"(?<!prompt )eval time = +(\d{1,12}\.\d+) ms / +(\d{1,9}) (?:tokens|runs)")
_FORCED: Final = "forcing full prompt re-processing due to lack of cache data"
_WAKES: Final = "server is exiting sleeping state"


def log_timing(line: str) -> Timing | None:
    """Return what a line says of a reply; None for any other line."""
    if found := _READ.search(line):
        return Timing(read_s=round(float(found[1]) / 1000, 6), read=int(found[2]))
    if found := _WRITTEN.search(line):
        return Timing(written_s=round(float(found[1]) / 1000, 6), written=int(found[2]), ends=True)
    if found := _BEGINS.search(line):
        return Timing(begins=True, prompt=int(found[1]))
    if found := _KEPT.search(line):
        return Timing(kept=int(found[1]))
    if _FORCED in line:
        return Timing(cant_go_back=True)
    return Timing(wakes=True) if _WAKES in line else None
