"""What the log of each backend says of the time that a reply took; lines of real programs and of public threads."""

import pytest

from stackctl.backends import koboldcpp, llamacpp, textgen
from stackctl.backends.contract import Backend
from stackctl.contracts.timing import Timing
from tests.backends import logs

SLOT = "0.34.105.075 I slot print_timing: id  0 | task 42 | "
KOBOLD = Timing(ends=True, prompt=5000, read=683, read_s=2.0, written=120, written_s=4.5)
LINES: tuple[tuple[Backend, str, Timing | None], ...] = (
    # Debian's build of llama.cpp, run
    (
        llamacpp,
        f"{SLOT}new prompt, n_ctx_slot = 2048, n_keep = 0, task.n_tokens = 1217",
        Timing(begins=True, prompt=1217),
    ),
    (llamacpp, f"{SLOT}cached n_tokens = 4, memory_seq_rm [4, end)", Timing(kept=4)),
    (
        llamacpp,
        f"{SLOT}prompt eval time =    7458.24 ms /  1213 tokens (    6.15 ms per token,   162.64 tokens per second)",
        Timing(read=1213, read_s=7.45824),
    ),
    (
        llamacpp,
        f"{SLOT}       eval time =     425.39 ms /    20 tokens (   22.39 ms per token,    44.66 tokens per second)",
        Timing(written=20, written_s=0.42539, ends=True),
    ),
    (llamacpp, f"{SLOT}      total time =    7883.64 ms /  1233 tokens", None),
    (llamacpp, f"{SLOT}stop processing: n_tokens = 1236, truncated = 0", None),
    (llamacpp, "0.26.209.318 I srv  server_strea: conv_id= (empty=1)", None),
    # ggml-org/llama.cpp issues 14625 and 24714, pull requests 13194 and 23269, and what others show of other versions
    (llamacpp, "slot update_slots: id  0 | task 251 | kv cache rm [0, end)", Timing(kept=0)),
    (
        llamacpp,
        "slot update_slots: id  0 | task 18845 | n_tokens = 73355, memory_seq_rm [73355, end)",
        Timing(kept=73355),
    ),
    (
        llamacpp,
        f"{SLOT}forcing full prompt re-processing due to lack of cache data (likely due to SWA, see ...)",
        Timing(cant_go_back=True),
    ),
    (
        llamacpp,
        "prompt eval time =     912.36 ms /   538 tokens (    1.70 ms per token,   589.68 tokens per second)",
        Timing(read=538, read_s=0.91236),
    ),
    (
        llamacpp,
        "       eval time =    2517.84 ms /    82 tokens (   30.71 ms per token,    32.57 tokens per second)",
        Timing(written=82, written_s=2.51784, ends=True),
    ),
    (llamacpp, "srv  main: server is exiting sleeping state", Timing(wakes=True)),
    # KoboldCpp: gpttype_adapter.cpp of 1.76 (read), and as threads show it since
    (
        koboldcpp,
        "CtxLimit:5120/8192, Amt:120/512, Init:0.01s, Process:2.00s (2.9ms/T = 341.50T/s), Generate:4.50s (37.5ms/T",
        KOBOLD,
    ),
    (
        koboldcpp,
        "[18:44:54] CtxLimit:5120/8192, Amt:120/512, Init:0.01s, Process:2.00s (341.50T/s), Generate:4.50s (26.67T/s)",
        KOBOLD,
    ),
    (
        koboldcpp,
        "[18:44:54] CtxLimit:5120/8192, Amt:120/512, Process:2.00s (341.50T/s), Generate:4.50s (26.67T/s), Total:6.50s",
        KOBOLD,
    ),
    (koboldcpp, "[Context Shifting: Erased 1025 tokens at position 495]", Timing(shifted=1025)),
    (koboldcpp, "Processing Prompt [BATCH] (483 / 483 tokens)", None),
    # text-generation-webui: its own line, and those of its llama-server that it lets pass
    (textgen, logs.GENERATED, Timing(whole_s=0.52, written=26, prompt=12, ends=True)),
    (
        textgen,
        "       eval time =    2517.84 ms /    82 tokens (   30.71 ms per token,    32.57 tokens per second)",
        Timing(written=82, written_s=2.51784),
    ),
    (textgen, '12:00:01-123456 INFO     Loading "tiny.gguf"', None),
)


@pytest.mark.parametrize(("backend", "line", "said"), LINES)
def test_a_line_says_how_long_a_part_of_a_reply_took(backend: Backend, line: str, said: Timing | None) -> None:
    assert backend.timing(line) == said


@pytest.mark.parametrize("backend", [llamacpp, koboldcpp, textgen])
@pytest.mark.parametrize(
    "line",
    [
        "",
        "\0" * 100,
        f"eval time = {'9' * 400}.0 ms / 1 tokens",
        f"new prompt, n_ctx_slot = {'9' * 400}, task.n_tokens = 1",
        f"CtxLimit:{'9' * 99}/1, Amt:1/1, Process:1.00s (1.00T/s), Generate:1.00s (1.00T/s)",
        f"memory_seq_rm [{'1' * 5000}, end)",
        *logs.SERVER.splitlines(),
    ],
)
def test_a_line_that_is_no_figure_says_nothing(backend: Backend, line: str) -> None:
    assert backend.timing(line) is None
