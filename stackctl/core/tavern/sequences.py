"""Where the text between two messages is split: the end of the one's turn, and the beginning of the other's."""

from collections.abc import Iterable
from typing import NamedTuple


class Question(NamedTuple):
    """What stands after a question, and before an answer: a former one, and the next one."""

    end: str
    next: str
    generation: str


class Answer(NamedTuple):
    """What stands after an answer and before a question."""

    end: str
    next: str


def split_question(between: str, at_end: str, end: str | None, header: str) -> Question:
    """Return the parts of what stands between a question and a former answer, and after the last question.

    end: what stands after a question where no answer is to follow; None if unknown. header: what stands before an
    answer with which the talk begins; "" if unknown. A template that begins the next answer in any case shows the end
    of a question by the header alone.
    """
    cuts = [between[: len(between) - len(header)]] if header.strip() and between.endswith(header) else []
    cuts += [end] if end is not None and end != at_end else []
    cuts.append(common_start(between, at_end))
    cut = next(one for one in cuts if between.startswith(one) and at_end.startswith(one))
    found = Question(cut, between[len(cut) :], at_end[len(cut) :])
    if not found.generation and found.next:  # an empty generation would be taken for the same as `next`
        return Question("", between, at_end)
    return found


def split_answer(between: str, ends: Iterable[str | None], start: str, eos: str) -> Answer:
    """Return the parts of what stands between an answer and the next question.

    ends: what stands after an answer at the end of a talk, and after a question; None if unknown. start: before a
    question that is the first.
    """
    ended = next((one for one in ends if one and between.startswith(one)), "")
    cut = ended or _end_of_answer(between, start, eos)
    while between[len(cut) :].startswith("\n"):  # some templates leave the newline after the last answer out
        cut += "\n"
    return Answer(cut, between[len(cut) :])


def _end_of_answer(between: str, start: str, eos: str) -> str:
    if eos and eos in between:
        return between[: between.index(eos) + len(eos)]
    shared = _common_end(between, start)
    return between[: len(between) - len(shared)] if shared.strip() else ""


def split_story(between: str, question: str, start: str) -> tuple[str, str]:
    """Return what ends the story, and what stands before the first question if it is not `question`, else "".

    start: what stands before the first question of a talk without a story.
    """
    if between.endswith(question):
        return between[: len(between) - len(question)], ""
    shared = _common_end(between, start)
    if not shared.strip():  # the question stands in the turn of the story
        return "", between
    return between[: len(between) - len(shared)], shared


def common_start(one: str, other: str) -> str:
    """Return the longest text with which both begin."""
    same = next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None)
    return min(one, other, key=len) if same is None else one[:same]


def _common_end(one: str, other: str) -> str:
    return common_start(one[::-1], other[::-1])[::-1]
