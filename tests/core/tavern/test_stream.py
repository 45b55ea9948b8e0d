"""Reading a streamed answer, and judging what it says."""

import pytest

from stackctl.core.formats.answer_limit import Exceeded
from stackctl.core.model.demo_model import SENTENCE
from stackctl.core.tavern import replies
from stackctl.core.tavern.stream import Reading, flow, lines, more_tokens, text
from stackctl.errors import NotReady

OPENAI = (
    'data: {"choices":[{"text":"Hel","finish_reason":null}]}',
    "",
    'data: {"choices":[{"text":"lo","finish_reason":null}]}',
    'data: {"choices":[{"text":"","finish_reason":"stop"}]}',
    "data: [DONE]",
)
LLAMA = (
    'data: {"content":"Hel","stop":false}',
    'data: {"content":"lo","stop":false}',
    'data: {"content":"","stop":true}',
)


def read(*lines: str) -> tuple[str, Reading]:
    reading = Reading(8)
    return "".join(reading.piece(line) for line in lines), reading


@pytest.mark.parametrize("lines", [OPENAI, LLAMA, OPENAI[:4]])
def test_a_stream_that_says_so_has_come_to_its_end(lines: tuple[str, ...]) -> None:
    said, reading = read(*lines)
    assert (said, reading.is_whole) == ("Hello", True)


@pytest.mark.parametrize("lines", [OPENAI[:3], LLAMA[:2], (*LLAMA[:2], LLAMA[2][:20]), (), (": keep-alive",)])
def test_a_stream_that_simply_ends_was_cut(lines: tuple[str, ...]) -> None:
    assert not read(*lines)[1].is_whole


def test_nothing_counts_after_done() -> None:
    said, reading = read(*OPENAI, OPENAI[0])
    assert said == "Hello"
    assert reading.is_over


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("data: <html>", "streams an event that is not JSON"),
        ('data: {"error": "out of memory"}', "failed while it generated: out of memory"),
        ("data: 7", "streams an event that is not JSON: '7'"),
    ],
)
def test_what_is_no_stream_of_text_is_an_error(line: str, says: str) -> None:
    with pytest.raises(NotReady, match=says):
        read(line, "")


@pytest.mark.parametrize("answer", [None, [], {}, {"choices": []}, {"content": 7}, {"choices": [{}]}])
def test_an_answer_without_text_is_read_as_none(answer: object) -> None:
    assert text(answer) == ""


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_lines_are_the_same_in_whatever_parts_they_come(size: int) -> None:
    raw = "data: caf\u00e9\u2028\r\n\ndata: \u0085x\nlast".encode()
    parts = [raw[at : at + size] for at in range(0, len(raw), size)]
    assert list(lines(parts)) == ["data: caf\u00e9\u2028", "", "data: \u0085x", "last"]
    assert list(lines([b"a\xff\n"])) == ["a\ufffd"]
    assert list(lines([])) == []


def test_far_more_text_than_was_asked_for_is_refused() -> None:
    assert read(*[OPENAI[0]] * 36)[0] == "Hel" * 36
    with pytest.raises(Exceeded, match="37 pieces of text came, but 8 tokens were asked for"):
        read(*[OPENAI[0]] * 37)


@pytest.mark.parametrize(
    ("first_s", "total_s", "how"),
    [
        (0.36, 0.37, "too fast"),  # KoboldCpp, whatever it wrote in its first 0.35 s
        (1.9, 1.9, "too fast"),
        (0.36, 4.0, "steady"),
        (1.5, 12.0, "steady"),
        (3.9, 4.0, "at the end"),
        (12.0, 12.0, "at the end"),
    ],
)
def test_only_an_answer_that_took_long_enough_is_judged(first_s: float, total_s: float, how: str) -> None:
    assert flow(first_s, total_s) == how


def test_so_many_tokens_more_are_asked_for_that_the_next_answer_takes_long_enough() -> None:
    assert more_tokens(48, 1.9) == 101
    assert more_tokens(48, 0.36) == 533
    assert more_tokens(48, 0.0) == 1920


def check(said: str, *, is_demo: bool = False) -> None:
    replies.check(said, is_demo=is_demo, title="llama.cpp")


def test_the_demo_models_sentence_is_right_to_the_character_only() -> None:
    check(SENTENCE, is_demo=True)
    replies.check_characters(SENTENCE, is_demo=True)
    with pytest.raises(NotReady, match="instead of its sentence"):
        check(SENTENCE[:-1], is_demo=True)


@pytest.mark.parametrize(
    "said", ["Hi! I'm a model. 😀👨\u200d👩\u200d👧", "日本語です。\nはい", "e\u0301t\u00e9\u00ad"]
)
def test_any_text_is_plausible_from_another_model(said: str) -> None:
    check(said)
    replies.check_characters(said, is_demo=False)


@pytest.mark.parametrize(
    ("said", "says"), [("", "empty text"), (" \n", "empty text"), ("a\x00b", "a control character")]
)
def test_an_empty_answer_and_control_characters_are_not(said: str, says: str) -> None:
    with pytest.raises(NotReady, match=says):
        check(said)


def test_damaged_characters_are_found_but_for_the_one_that_the_limit_of_tokens_cuts() -> None:
    with pytest.raises(NotReady, match="damaged characters"):
        replies.check_characters("a\ufffdb", is_demo=False)
    replies.check_characters("ab\ufffd", is_demo=False)
    with pytest.raises(NotReady, match="damaged characters"):
        replies.check_characters(SENTENCE + "\ufffd", is_demo=True)


def test_the_first_difference_is_shown_with_what_is_around_it() -> None:
    with pytest.raises(NotReady, match="from character 16 on") as caught:
        replies.check_characters(SENTENCE.replace("stackctl", "sta?kctl", 1), is_demo=True)
    assert "sta?kctl" in caught.value.message
