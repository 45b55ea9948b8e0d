"""SillyTavern's settings.json: stackctl's part of it, and how it follows a change without undoing the user's.

Sources: SillyTavern 1.19.0, default/content/settings.json and presets; public/script.js (what the page saves),
public/scripts/power-user.js and instruct-mode.js (what choosing a preset in the page sets).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stackctl.contracts.json_table import table_or_empty

# written or kept as a whole: a mix of two presets makes no sense
UNITS: Final[Mapping[str, str]] = {
    "power_user.instruct": "the instruct template",
    "power_user.context": "the context template",
    "power_user.reasoning": "the reasoning template",
}
_ANSWER, _WITH_THOUGHTS = 400, 2048  # tokens
# a prompt needs both templates: one of them alone would be half of it
_PAIR: Final = ("instruct", "context")
# settings of the page that a context preset contains besides its own
_GLOBAL: Final = ("always_force_name2", "trim_sentences", "single_line")


@dataclass(frozen=True, kw_only=True)
class Presets:
    """The content of SillyTavern's presets, each with its name; {} if there is none."""

    instruct: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    reasoning: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Rewired:
    """Settings after a change by stackctl. left: sentences about settings that stay as the user has them."""

    settings: Mapping[str, Any]
    left: tuple[str, ...]


def overlay(
    server_type: str,
    url: str,
    context: int,
    presets: Presets,
    *,
    opening: str | None = None,
    samplers: Mapping[str, Any] | None = None,
    thinks: bool = False,
) -> dict[str, Any]:
    """Return the settings by which SillyTavern connects at the first page load and prompts as the model was trained.

    opening: the text with which each answer starts; None if the page's own is not changed. samplers: the settings that
    select a preset of samplers. thinks: whether thoughts come first, which count as its length.
    """
    return {
        "firstRun": False,  # the first-run dialogue would block the automatic connection
        "username": "User",
        "user_avatar": "user-default.png",
        "main_api": "textgenerationwebui",
        "max_context": context,
        "amount_gen": max(_ANSWER, min(_WITH_THOUGHTS, context // 4)) if thinks else _ANSWER,
        "textgenerationwebui_settings": {
            **(samplers or {}),
            "type": server_type,
            "server_urls": {server_type: url},
            "streaming": True,
        },
        "power_user": {
            "auto_connect": True,
            "max_context_unlocked": True,  # by default the slider ends at 8192
            "personas": {"user-default.png": "User"},
            "default_persona": "user-default.png",
            **_templates(presets),
            **({} if opening is None else {"user_prompt_bias": opening}),
        },
    }


def _templates(presets: Presets) -> dict[str, Any]:
    """Return whole presets as plain values: the page would apply names alone, or derived ones, again at every load."""
    found: dict[str, Any] = {}
    if presets.instruct:
        found["instruct"] = {"enabled": True, "preset": presets.instruct["name"], **_without(presets.instruct, "name")}
    if presets.context:
        own = _without(presets.context, "name", *_GLOBAL)
        found["context"] = {"preset": presets.context["name"], **own}
        found |= {key: presets.context[key] for key in _GLOBAL if key in presets.context}
    if presets.reasoning:
        # the page reads this table as a whole, so it has every key
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
    """Return the settings with the overlay applied wherever they are not the user's own choice.

    wrote: the overlay that stackctl wrote last; stock: SillyTavern's default. A value that equals one of these was not
    chosen by the user. If the overlay is unchanged and the user changed the value, it stays and is not mentioned again.
    """
    over, held = _hold_pair(settings, over, wrote, stock)
    left = list(held)
    changed = _follow(settings, over, wrote, stock, "", left)
    return Rewired(settings=changed, left=tuple(left))


def _hold_pair(
    settings: Mapping[str, Any], over: Mapping[str, Any], wrote: Mapping[str, Any], stock: Mapping[str, Any]
) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Return the overlay without its pair of templates if one of them is the user's, and notes about what is kept."""
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
    """Return whether a setting is the user's choice: neither the wanted value, nor the written one, nor the default."""
    return not (_is(now, value) or now in (None, "") or _is(now, before if before is not None else default))


def _is(now: Any, value: Any) -> bool:
    """Return whether a setting equals `value` (a table: in its keys), ignoring a URL's last slash."""
    if isinstance(value, Mapping):
        return isinstance(now, Mapping) and all(now.get(key) == one for key, one in value.items())
    if isinstance(now, str) and isinstance(value, str):
        return now.rstrip("/") == value.rstrip("/")
    return bool(now == value)


def connection(settings: Mapping[str, Any]) -> tuple[str, str]:
    """Return the (type, URL) in SillyTavern's settings; "" for a missing part."""
    text = settings.get("textgenerationwebui_settings")
    if settings.get("main_api") != "textgenerationwebui" or not isinstance(text, Mapping):
        return "", ""
    kind = str(text.get("type", ""))
    urls = text.get("server_urls")
    return kind, str(urls.get(kind, "")) if isinstance(urls, Mapping) else ""


def _without(table: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key not in keys}
