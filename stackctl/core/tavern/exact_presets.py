"""Which of SillyTavern's own instruct presets has exactly a model's turns."""

from collections.abc import Mapping
from typing import Any, Final

from stackctl.core.tavern.instruct_mode import format_talk
from stackctl.core.tavern.talks import SYSTEM, USER, messages
from stackctl.core.tavern.turns import Turns, instruct_preset

_NAMES_ALWAYS: Final = "always"


def exact_preset(turns: Turns, shipped: Mapping[str, Mapping[str, Any]], likely: str) -> str | None:
    """Return the name of the preset that writes a talk of three turns as `turns` do; None if none does.

    shipped: instruct presets by name. likely: the one by the marks in the chat template; of this one, what stands
    before the user's first message may differ, as a preset has its own form for the story.
    """
    wanted = _talk(instruct_preset("", turns))
    if likely in shipped and _end(_talk(shipped[likely])) == _end(wanted):
        return likely
    others = (name for name, preset in shipped.items() if preset.get("names_behavior") != _NAMES_ALWAYS)
    return next((name for name in sorted(others) if _talk(shipped[name]) == wanted), None)


def _talk(preset: Mapping[str, Any]) -> str:
    return format_talk(preset, SYSTEM, messages("long"))


def _end(talk: str) -> str:
    return talk[talk.index(USER[0]) :]
