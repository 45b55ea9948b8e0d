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
    replies.check_sentence(SENTENCE)
    with pytest.raises(NotReady, match="instead of its sentence"):
        check(SENTENCE[:-1], is_demo=True)


@pytest.mark.parametrize(
    "said", ["Hi! I'm a model. 😀👨\u200d👩\u200d👧", "日本語です。\nはい", "e\u0301t\u00e9\u00ad"]
)
def test_any_text_is_plausible_from_another_model(said: str) -> None:
    check(said)
    assert replies.strange_at(said) is None


@pytest.mark.parametrize("said", ["", " \n"])
def test_an_empty_answer_is_not(said: str) -> None:
    with pytest.raises(NotReady, match="empty text"):
        check(said)


@pytest.mark.parametrize(
    ("said", "at"), [("a\x00b", 1), ("\x1b", 0), ("a\n\t\x85", 3), ("a\ufffdb", 1), ("ab\ufffd", None), ("ab\n", None)]
)
def test_what_no_text_has_is_found_but_for_what_the_limit_of_tokens_cuts(said: str, at: int | None) -> None:
    assert replies.strange_at(said) == at


def origin(said: str, own: str | None) -> NotReady | None:
    """The error for an answer through SillyTavern where the backend itself gave its own; None for none."""
    try:
        replies.check_origin(said, own, title="llama.cpp")
    except NotReady as error:
        return error
    return None


@pytest.mark.parametrize("own", ["a\x03b", "\x07", "quite\ufffdanother", "a\x03 and on"])
def test_what_the_model_itself_writes_is_no_error_whichever_character_it_is(own: str) -> None:
    assert origin("a\x03b", own) is None
    assert origin("caf\ufffd!", own) is None


@pytest.mark.parametrize(
    ("said", "own", "says"),
    [
        ("caf\ufffd!", "café!", "contains damaged characters: 'caf\ufffd!'; llama.cpp itself answers 'café!'"),
        ("ab\x00c", "abxc", "a control character (U+0000): 'ab\\x00c'; llama.cpp itself answers 'abxc'"),
    ],
)
def test_what_is_another_than_the_backends_own_at_that_place_was_changed_on_the_way(
    said: str, own: str, says: str
) -> None:
    error = origin(said, own)
    assert error
    assert says in error.message
    assert error.hint.startswith("Look for a proxy between SillyTavern and the backend")


@pytest.mark.parametrize("own", [None, "", "another answer", "ca"])
def test_where_the_backends_own_answer_tells_nothing_nobody_is_blamed(own: str | None) -> None:
    error = origin("caf\ufffd!", own)
    assert error
    assert error.message == "the answer contains damaged characters: 'caf\ufffd!'"
    assert "a model may write such characters itself" in error.hint


def test_of_the_demo_model_no_character_may_be_damaged() -> None:
    with pytest.raises(NotReady, match="damaged characters"):
        replies.check_sentence(SENTENCE + "\ufffd")


def test_the_first_difference_is_shown_with_what_is_around_it() -> None:
    with pytest.raises(NotReady, match="from character 16 on") as caught:
        replies.check_sentence(SENTENCE.replace("stackctl", "sta?kctl", 1))
    assert "sta?kctl" in caught.value.message
