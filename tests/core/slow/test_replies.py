"""Replies put together from log lines, and how much of each prompt had been read before."""

import pytest

from stackctl.backends import koboldcpp, llamacpp, textgen
from stackctl.core.slow.mean import mean_of
from stackctl.core.slow.replies import Reply, replies_of

CONTEXT = 8192


def llama(prompt: int, kept: int, *, written: int = 100, read_s: float = 1.0, forced: bool = False) -> list[str]:
    """The lines of llama-server on one reply."""
    read = prompt - kept
    return [
        f"slot operator(): id 0 | task 1 | new prompt, n_ctx_slot = 8192, n_keep = 0, task.n_tokens = {prompt}",
        *(
            ["slot x: forcing full prompt re-processing due to lack of cache data (likely due to SWA)"]
            if forced
            else []
        ),
        f"slot operator(): id 0 | task 1 | cached n_tokens = {kept}, memory_seq_rm [{kept}, end)",
        f"slot operator(): id 0 | task 1 | cached n_tokens = {kept + 512}, memory_seq_rm [{kept + 512}, end)",
        f"prompt eval time = {1000 * read_s:.2f} ms / {read} tokens ( 1 ms per token, 1 tokens per second)",
        f"eval time = 5000.00 ms / {written} tokens ( 50 ms per token, 20 tokens per second)",
        "total time = 6000.00 ms / 1 tokens",
    ]


def of(*replies: list[str], context: int = CONTEXT) -> tuple[Reply, ...]:
    return replies_of((line for one in replies for line in one), llamacpp.timing, context)


def test_a_reply_has_the_figures_of_all_its_lines() -> None:
    (one,) = of(llama(1217, 4, written=20, read_s=7.458))
    assert (one.prompt, one.kept, one.read, one.read_s) == (1217, 4, 1213, 7.458)
    assert (one.written, one.written_s, one.again) == (20, 5.0, 0)
    assert one.whole_s == pytest.approx(12.458)


def test_a_chat_that_only_grows_reads_nothing_again() -> None:
    found = of(llama(1000, 0), llama(1150, 1090), llama(1300, 1240))
    assert [one.again for one in found] == [0, 0, 0]


def test_another_answer_to_the_same_prompt_reads_nothing_again() -> None:
    assert [one.again for one in of(llama(1000, 0), llama(1000, 999))] == [0, 0]


@pytest.mark.parametrize(
    ("second", "again", "why"),
    [
        # 1000 + 100 were there, 50 are new: of the 1146 that were read, 1096 for the second time
        (llama(1150, 4), 1096, "beginning"),
        (llama(1150, 600), 500, "middle"),
        (llama(1150, 0), 1100, "not kept"),
        (llama(1150, 0, forced=True), 1100, "cant go back"),
        (llama(1150, 1040), 0, None),  # the end of the reply was cut off: nothing to talk about
    ],
)
def test_what_was_read_twice_is_counted_with_the_reason(second: list[str], again: int, why: str | None) -> None:
    _, one = of(llama(1000, 0), second)
    assert (one.again, one.why) == (again, why)


def test_a_chat_that_is_longer_than_the_context_is_told_from_one_that_changes_in_its_middle() -> None:
    full = of(llama(7600, 0), llama(7600, 900))
    assert (full[1].again, full[1].why) == (6700, "context full")
    assert of(llama(3000, 0), llama(3000, 900))[1].why == "middle"


def test_the_first_message_of_another_chat_is_new() -> None:
    assert of(llama(65, 0), llama(605, 4))[1].again == 0
    assert of(llama(605, 0), llama(605, 4))[1].again == 601


def test_a_model_that_was_loaded_again_has_forgotten_the_prompt() -> None:
    found = of(llama(1000, 0), ["srv  server is exiting sleeping state"], llama(1100, 0))
    assert [(one.woke, one.why) for one in found] == [(False, None), (True, "asleep")]


def test_a_request_that_was_broken_off_is_no_reply_and_leaves_nothing_behind() -> None:
    assert [one.prompt for one in of(llama(1000, 0)[:3], llama(300, 0))] == [300]
    assert of(llama(1000, 0, written=0)) == ()


def test_koboldcpp_tells_the_kept_part_by_the_context_that_it_holds_at_the_end() -> None:
    lines = (
        "CtxLimit:1100/8192, Amt:100/512, Init:0.01s, Process:2.00s (500.00T/s), Generate:5.00s (20.00T/s)",
        "[Context Shifting: Erased 300 tokens at position 495]",
        "CtxLimit:1300/8192, Amt:100/512, Init:0.01s, Process:0.20s (500.00T/s), Generate:5.00s (20.00T/s)",
        "CtxLimit:1400/8192, Amt:100/512, Init:0.01s, Process:2.60s (500.00T/s), Generate:5.00s (20.00T/s)",
    )
    found = replies_of(lines, koboldcpp.timing, CONTEXT)
    assert [(one.prompt, one.read, one.kept, one.again, one.shifted) for one in found] == [
        (1000, 1000, 0, 0, 0),
        (1200, 100, 1100, 0, 300),
        (1300, 1300, 0, 1300, 0),
    ]


def test_text_generation_webui_tells_one_time_for_all_unless_its_server_is_heard() -> None:
    own = "Output generated in 10.00 seconds (5.00 tokens/s, 50 tokens, context 900, seed 1)"
    server = (
        "prompt eval time = 6000.00 ms / 900 tokens ( 6 ms per token, 150 tokens per second)",
        "eval time = 4000.00 ms / 50 tokens ( 80 ms per token, 12.5 tokens per second)",
    )
    (alone,) = replies_of((own,), textgen.timing, CONTEXT)
    assert (alone.whole_s, alone.read_s, alone.written_s, alone.written, alone.prompt) == (10.0, None, None, 50, 900)
    (both,) = replies_of((*server, own), textgen.timing, CONTEXT)
    assert (both.whole_s, both.read_s, both.written_s, both.kept) == (10.0, 6.0, 4.0, 0)


def test_the_mean_leaves_out_the_first_reply_which_reads_all() -> None:
    found = of(llama(1000, 0, read_s=9.0), llama(1150, 600, read_s=5.5), llama(1300, 1250, read_s=0.5))
    mean = mean_of(found)
    assert mean
    assert (mean.replies, mean.read_s, mean.written_s, mean.whole_s) == (2, 3.0, 5.0, 8.0)
    assert mean.again_s == pytest.approx(5.5 * 500 / 550 / 2)
    assert mean.tokens_per_s == 20.0
    alone = mean_of(found[:1])
    assert alone
    assert (alone.replies, alone.read_s) == (1, 9.0)
    assert mean_of(()) is None
