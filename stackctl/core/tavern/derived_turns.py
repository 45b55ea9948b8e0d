"""Derives the turns of a model from its own chat template, rendered over talks whose messages are marks.

What stands between two messages is split where the template itself ends: a rendering that stops after the first of
them shows the end of its turn. The turns are then checked: what SillyTavern sends by them must be what the template
writes.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from stackctl.core.tavern import dates, talks
from stackctl.core.tavern.cut_talks import UNKNOWN_BOS, UNKNOWN_EOS, CutTalks, Tokens, cut_talks
from stackctl.core.tavern.instruct_mode import format_talk
from stackctl.core.tavern.sequences import split_answer, split_question, split_story
from stackctl.core.tavern.talks import SYSTEM, Kind, Request, messages, off_switches, on_switches
from stackctl.core.tavern.thoughts import marks_of, opening_of
from stackctl.core.tavern.turns import Turns, instruct_preset
from stackctl.terminal import is_plain

Render = Callable[[Request], tuple[str | None, ...] | str]
_REPLACED: Final = re.compile(r"<(?:user|bot|char|group)>", re.IGNORECASE)
_MACRO: Final = re.compile(r"\{\{(?!datetimeformat )")  # some set variables that outlast the talk
_LONGEST: Final = 16_384  # characters of all turns together; Command A Reasoning has 6,300, others far less
_LONGEST_NOTE: Final = 120  # characters before a system message; more are a text for the model, not marks
# strengths of thinking: they turn thoughts off or on only where the start of the answer changes with them
_STRENGTHS: Final = ("reasoning_effort", "thinking_effort", "thinking_budget", "thinking_mode")

_ONE_MESSAGE: Final = "a talk of one message gets the turns of a longer one"


def derive_turns(template: str, tokens: Tokens, render: Render) -> Turns | str:
    """Return the turns of a chat template; or the reason why it shows none.

    `quiet` and `thinking` have the turns with thoughts off and on, where the template has a switch that does more than
    its default. render: what writes the talks of a request; it returns None for a talk that the template refuses, or
    one reason for all.
    """
    request = talks.request(template, bos=tokens.bos or UNKNOWN_BOS, eos=tokens.eos or UNKNOWN_EOS)
    texts = render(request)
    if isinstance(texts, str):
        return texts
    usual = _turns(cut_talks(request, texts, (), tokens), tokens)
    if isinstance(usual, str):
        return usual
    found: dict[str, Turns] = {}
    for name, switches in (("quiet", off_switches(request.asks)), ("thinking", on_switches(request.asks))):
        for switch in switches:
            other = _turns(cut_talks(request, texts, switch, tokens), tokens)
            if isinstance(other, Turns) and _is_other(other, usual, switch[0][0]):
                found.setdefault(name, other)
    return replace(usual, quiet=found.get("quiet"), thinking=found.get("thinking"))


def _is_other(turns: Turns, usual: Turns, switch: str) -> bool:
    if switch in _STRENGTHS:
        return turns.generation != usual.generation
    return turns != usual


def _turns(cut: CutTalks, tokens: Tokens) -> Turns | str:
    main = cut.main
    if main is None:
        return cut.fault
    before, after_story, after_question, after_answer, *_, at_end = main
    answer = split_answer(
        after_answer, (cut.end("answered"), cut.end("asked")), cut.start("plain"), tokens.eos or UNKNOWN_EOS
    )
    story_suffix, first_input = split_story(after_story, answer.next, cut.start("plain"))
    greeting = cut.between("greeted", 1) or ""
    header = greeting.removeprefix(story_suffix) if greeting.startswith(story_suffix) else ""
    question = split_question(after_question, at_end, cut.end("asked"), header)
    turns = Turns(
        story_prefix=before,
        story_suffix=story_suffix,
        input_prefix=answer.next,
        input_suffix=question.end,
        output_prefix=question.next,
        output_suffix=answer.end,
        first_input=first_input,
        generation=question.generation,
    )
    turns = _with_notes(turns, cut)
    # else the character's greeting would stand where the template has no turns for it
    turns = replace(turns, needs_user_first=not _fits(turns, cut, "greeted"))
    around = cut.thoughts
    ahead = (around[0].removeprefix(turns.input_suffix), around[1]) if around else None
    marks = marks_of(cut.template, turns.output_prefix, turns.generation, ahead)
    turns = replace(
        turns,
        reasoning=marks,
        opening=opening_of(turns.generation, marks),
        has_macros=any(map(dates.has_macro, (first_input, *question, *answer))),
    )
    if fault := _fault(turns):
        return fault
    lacks = _lacks(turns, cut)
    return replace(turns, stops=_stops(turns, tokens.eos), lacks=lacks, is_exact=not lacks or lacks == (_ONE_MESSAGE,))


def _fault(turns: Turns) -> str:
    """Return why a stranger's turns are not written into SillyTavern's presets; "" if they may be."""
    texts = [one for one in vars(turns).values() if isinstance(one, str)]
    if marks := turns.reasoning:
        texts += [marks.prefix, marks.suffix, marks.separator]
    if sum(map(len, texts)) > _LONGEST:
        return f"its turns have more than {_LONGEST} characters"
    if not is_plain(re.sub(r"[\t\n\r]", "", "".join(texts))):
        return "its turns hold control characters"
    if any(map(_MACRO.search, texts)):
        return "SillyTavern would take a part of its turns for a macro"
    return ""


def _with_notes(turns: Turns, cut: CutTalks) -> Turns:
    """Add what stands around a system message within the talk, or let it be the user's where that has no form."""
    before, after = cut.between("noted", 3), cut.between("noted", 4)
    if before and after and before.startswith(turns.output_suffix) and after.endswith(turns.input_prefix):
        prefix = before[len(turns.output_suffix) :]
        suffix = after[: len(after) - len(turns.input_prefix)]
        if (prefix or suffix) and len(prefix) <= _LONGEST_NOTE and not dates.has_macro(prefix):
            return replace(turns, system_prefix=prefix, system_suffix=suffix)
    return replace(turns, system_as_user=True)


def _fits(turns: Turns, cut: CutTalks, kind: Kind) -> bool:
    wanted = cut.texts.get(kind)
    return wanted == format_talk(instruct_preset("", turns), SYSTEM, messages(kind))


def _stops(turns: Turns, eos: str) -> tuple[str, ...]:
    """Return what ends an answer: the end of its turn, or the beginning of another one."""
    marks = (turns.reasoning.prefix, turns.reasoning.suffix) if turns.reasoning else ()
    starts = (turns.output_suffix, turns.input_prefix, turns.system_prefix)
    lines = [line for text in starts if (line := text.strip().split("\n")[0].strip())]
    return tuple(one for one in dict.fromkeys((*lines, eos)) if one and not any(one in mark for mark in marks))


def _substituted(turns: Turns) -> tuple[str, ...]:
    """Return the turns in which SillyTavern replaces macros: where the story stands; all if one of them is a date."""
    story = (turns.story_prefix, turns.story_suffix)
    if not turns.has_macros:
        return story
    own = (turns.input_prefix, turns.input_suffix, turns.output_prefix, turns.output_suffix, turns.first_input)
    return (*story, *own, turns.system_prefix, turns.system_suffix, turns.generation)


def _lacks(turns: Turns, cut: CutTalks) -> tuple[str, ...]:
    """Return what SillyTavern's instruct mode cannot express of the template."""
    found = [*cut.lacks]
    if not _fits(turns, cut, cut.main_kind):
        found.append("its turns have no form in SillyTavern's instruct mode")
    elif "one" in cut.texts and not _fits(turns, cut, "one"):
        found.append(_ONE_MESSAGE)
    if _REPLACED.search("".join(_substituted(turns))):
        found.append("SillyTavern takes a part of its text for a macro")
    return tuple(found)
