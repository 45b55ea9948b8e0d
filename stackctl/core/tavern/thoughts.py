"""The marks around a model's thoughts, by what its chat template does with them.

A template writes the thoughts of a former answer, or opens them where the model is to answer, or removes them by the
mark at their end.
"""

import re
from typing import Final

from stackctl.core.tavern.sequences import common_start
from stackctl.core.tavern.turns import Marks

_NAMES: Final = r"(?:think|thinking|thought|thoughts|reasoning|reason)"
# how a template writes them, the opening and the closing mark; {0}: the name of the thoughts
_FORMS: Final = (
    (r"<((?:\w+:)?NAME(?::\w+)?)>", "<{0}>", "</{0}>"),
    (r"</((?:\w+:)?NAME(?::\w+)?)>", "<{0}>", "</{0}>"),
    (r"\[/?(NAME)\]", "[{0}]", "[/{0}]"),
    (r"<\|(?:START|END)_(THINKING)\|>", "<|START_{0}|>", "<|END_{0}|>"),
    (r"<\|channel>(thought)", "<|channel>{0}\n", "<channel|>"),
    (r"<\|(?:begin|end)_of_(NAME)\|>", "<|begin_of_{0}|>", "<|end_of_{0}|>"),
)
_KNOWN: Final = tuple(
    (re.compile(form.replace("NAME", _NAMES), re.IGNORECASE), opening, closing) for form, opening, closing in _FORMS
)
# Apriel: its answer has a mark, its thoughts begin with a sentence that the template writes
_ANSWER_MARK: Final = "[BEGIN FINAL RESPONSE]"


def marks_of(template: str, before: str, generation: str, around: tuple[str, str] | None) -> Marks | None:
    """Return the marks; None if the model does not think before it answers.

    before: what stands before a former answer. generation: before the next one. around: what stands before and after
    the thoughts of the last answer; None if the template does not write them.
    """
    opened = generation.removeprefix(before).strip()
    if _ANSWER_MARK in template and opened and generation.startswith(before):
        return Marks(prefix=opened, suffix=_ANSWER_MARK)
    if around and (found := _written(*around, before, generation)):
        return found
    for text in (generation, template):
        for form, opening, closing in _KNOWN:
            if match := form.search(text):
                return Marks(prefix=opening.format(match[1]), suffix=closing.format(match[1]))
    return None


def opening_of(generation: str, marks: Marks | None) -> str:
    """Return the end of `generation` that opens the thoughts; "" if it opens none."""
    _, prefix, behind = generation.rpartition(marks.prefix if marks else "\0")
    return prefix + behind if prefix and not behind.strip() else ""


def _written(ahead: str, behind: str, before: str, generation: str) -> Marks | None:
    """Return the marks that the template writes around the thoughts of the last answer."""
    is_whole = ahead.startswith(generation) and ahead[len(generation) :].strip()
    start = len(generation) if is_whole else _common_start(ahead, before)
    prefix, suffix = ahead[start:].strip(), behind.strip()
    if not prefix or not suffix:
        return None
    return Marks(prefix=prefix, suffix=suffix, separator=behind[len(behind.rstrip()) :] or "\n")


def _common_start(ahead: str, before: str) -> int:
    """Return where the prefix of the thoughts begins: behind what stands before any answer, and not within a tag."""
    end = len(common_start(ahead, before))
    opened = max(ahead.rfind(bracket, 0, end) for bracket in "<[")
    closed = max(ahead.rfind(bracket, 0, end) for bracket in ">]")
    return opened if opened > closed else end
