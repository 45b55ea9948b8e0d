"""SillyTavern's settings.json: what of it is ours, and how it follows a change without undoing the user's.

Sources: SillyTavern 1.19.0, default/content/settings.json and presets; public/script.js (what the page saves),
public/scripts/power-user.js and instruct-mode.js (what choosing a preset in the page sets).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stackctl.contracts.json_table import table_or_empty

# taken or left as a whole: half of one preset and half of another make no sense
UNITS: Final[Mapping[str, str]] = {
    "power_user.instruct": "the instruct template",
    "power_user.context": "the context template",
    "power_user.reasoning": "the reasoning template",
}
# a model is prompted by both: one of them without the other would be half of a prompt
_PAIR: Final = ("instruct", "context")
# settings of the page that a context preset carries beside its own
_GLOBAL: Final = ("always_force_name2", "trim_sentences", "single_line")


@dataclass(frozen=True, kw_only=True)
class Presets:
    """The content of SillyTavern's presets, each with its name; {}: none."""

    instruct: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    reasoning: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Rewired:
    """Settings after a change of ours. `left`: what stays as the user has it, in words."""

    settings: Mapping[str, Any]
    left: tuple[str, ...]


def overlay(server_type: str, url: str, context: int, presets: Presets) -> dict[str, Any]:
    """What makes SillyTavern connect on the first page load, and prompt the model as it was trained."""
    return {
        "firstRun": False,  # its dialogue would block the automatic connection
        "username": "User",
        "user_avatar": "user-default.png",
        "main_api": "textgenerationwebui",
        "max_context": context,
        "amount_gen": 400,
        "textgenerationwebui_settings": {
            "type": server_type,
            "server_urls": {server_type: url},
            "streaming": True,
        },
        "power_user": {
            "auto_connect": True,
            "max_context_unlocked": True,  # else the slider ends at 8192
            "personas": {"user-default.png": "User"},
            "default_persona": "user-default.png",
            **_templates(presets),
        },
    }


def _templates(presets: Presets) -> dict[str, Any]:
    """Whole presets as plain values. By name alone, or derived, the page would apply them again at every load."""
    found: dict[str, Any] = {}
    if presets.instruct:
        found["instruct"] = {"enabled": True, "preset": presets.instruct["name"], **_without(presets.instruct, "name")}
    if presets.context:
        own = _without(presets.context, "name", *_GLOBAL)
        found["context"] = {"preset": presets.context["name"], **own}
        found |= {key: presets.context[key] for key in _GLOBAL if key in presets.context}
    if presets.reasoning:
        # the page takes this table as a whole, so every key of it is here
        found["reasoning"] = {
            "auto_parse": True,
            "add_to_prompts": False,
            "auto_expand": False,
            "show_hidden": False,
            "max_additions": 1,
            **presets.reasoning,
        }
    return found


def merge(stock: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Deep merge: tables are merged, everything else is replaced."""
    result = dict(stock)
    for key, value in over.items():
        below = result.get(key)
        result[key] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result


def rewire(
    settings: Mapping[str, Any], over: Mapping[str, Any], *, wrote: Mapping[str, Any], stock: Mapping[str, Any]
) -> Rewired:
    """Settings that follow the overlay wherever they are not the user's own choice.

    `wrote` is the overlay that we wrote last, `stock` SillyTavern's own default: what still is as one of them has it
    was chosen by nobody else. What we want as before, and the user changed, is theirs and not mentioned again.
    """
    over, held = _hold_pair(settings, over, wrote, stock)
    left = list(held)
    changed = _follow(settings, over, wrote, stock, "", left)
    return Rewired(settings=changed, left=tuple(left))


def _hold_pair(
    settings: Mapping[str, Any], over: Mapping[str, Any], wrote: Mapping[str, Any], stock: Mapping[str, Any]
) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Return the overlay without its pair of templates, where one of them is the user's; and what is left then."""
    now, wanted, before, default = (table_or_empty(one.get("power_user")) for one in (settings, over, wrote, stock))
    pair = [key for key in _PAIR if key in wanted]
    theirs = [key for key in pair if _is_theirs(now.get(key), wanted[key], before.get(key), default.get(key))]
    if not theirs:
        return over, ()
    names = [UNITS[f"power_user.{key}"] for key in theirs]
    names += [f"{UNITS[f'power_user.{key}']}, which goes with it" for key in pair if key not in theirs]
    is_new = any(wanted[key] != before.get(key) for key in pair)
    return {**over, "power_user": _without(wanted, *_PAIR, *_GLOBAL)}, tuple(names) if is_new else ()


def _follow(
    settings: Mapping[str, Any],
    over: Mapping[str, Any],
    wrote: Mapping[str, Any],
    stock: Mapping[str, Any],
    above: str,
    left: list[str],
) -> dict[str, Any]:
    result = dict(settings)
    for key, value in over.items():
        dotted = f"{above}{key}"
        now, before, default = settings.get(key), wrote.get(key), stock.get(key)
        if isinstance(value, Mapping) and dotted not in UNITS:
            tables = (table_or_empty(before), table_or_empty(default))
            below = _follow(table_or_empty(now), value, *tables, f"{dotted}.", left)
            if below != now:
                result[key] = below
        elif _is_theirs(now, value, before, default):
            if value != before:
                left.append(UNITS.get(dotted, dotted))
        elif not _is(now, value):
            result[key] = {**table_or_empty(now), **value} if isinstance(value, Mapping) else value
    return result


def _is_theirs(now: Any, value: Any, before: Any, default: Any) -> bool:
    """Whether a setting is the user's own choice: neither as we want it, nor as we wrote it, nor SillyTavern's own."""
    return not (_is(now, value) or now in (None, "") or _is(now, before if before is not None else default))


def _is(now: Any, value: Any) -> bool:
    """Whether a setting is as `value` has it: a table in its keys; a URL's last slash, which the page adds, aside."""
    if isinstance(value, Mapping):
        return isinstance(now, Mapping) and all(now.get(key) == one for key, one in value.items())
    if isinstance(now, str) and isinstance(value, str):
        return now.rstrip("/") == value.rstrip("/")
    return bool(now == value)


def connection(settings: Mapping[str, Any]) -> tuple[str, str]:
    """(type, URL) that SillyTavern's own settings name; ("", "") parts where they name none."""
    text = settings.get("textgenerationwebui_settings")
    if settings.get("main_api") != "textgenerationwebui" or not isinstance(text, Mapping):
        return "", ""
    kind = str(text.get("type", ""))
    urls = text.get("server_urls")
    return kind, str(urls.get(kind, "")) if isinstance(urls, Mapping) else ""


def _without(table: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key not in keys}
