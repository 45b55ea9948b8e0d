"""SillyTavern's settings.json: seeded once, followed later, and the user's own choices stand."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.core.tavern import data_json
from stackctl.core.tavern import settings_json as tavern_settings
from stackctl.core.tavern.settings_json import Presets, Rewired

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)
TABLE = st.dictionaries(st.text(max_size=5), JSON, max_size=4)
STOCK: dict[str, Any] = {
    "firstRun": True,
    "main_api": "koboldhorde",
    "max_context": 8192,
    "amount_gen": 350,
    "background": {"name": "stock.png"},
    "textgenerationwebui_settings": {
        "temp": 0.7,
        "type": "ooba",
        "streaming": False,
        "server_urls": {"ollama": "http://o"},
    },
    "power_user": {"auto_connect": False, "theme": "Dark \u00fc", "instruct": {"enabled": False, "preset": "Alpaca"}},
}


# -- merging


def test_tables_are_merged_and_everything_else_is_replaced() -> None:
    stock = {"a": {"b": 1, "c": [1, 2], "d": {"e": 1}}, "f": 1, "g": {"h": 1}, "i": 1}
    over = {"a": {"b": 2, "c": [3], "d": {"x": 2}}, "g": 5, "i": {"j": 1}}
    assert tavern_settings.merge(stock, over) == {
        "a": {"b": 2, "c": [3], "d": {"e": 1, "x": 2}},
        "f": 1,
        "g": 5,
        "i": {"j": 1},
    }


@given(TABLE, TABLE)
def test_merging_loses_no_key_and_twice_is_once(stock: dict[str, Any], over: dict[str, Any]) -> None:
    before = json.dumps(stock)
    once = tavern_settings.merge(stock, over)
    assert set(once) == set(stock) | set(over)
    assert tavern_settings.merge(once, over) == once
    assert tavern_settings.merge(stock, {}) == stock
    assert tavern_settings.merge({}, over) == over
    assert json.dumps(stock) == before


# -- the first seed

CHATML = Presets(
    instruct={"name": "ChatML", "input_sequence": "<|im_start|>user", "stop_sequence": "<|im_end|>", "wrap": True},
    context={"name": "ChatML", "story_string": "{{system}}", "always_force_name2": True, "single_line": False},
)
ALPACA = Presets(
    instruct={"name": "Alpaca", "input_sequence": "### Instruction:", "stop_sequence": "", "wrap": True},
    context={"name": "Alpaca", "story_string": "{{trim}}", "always_force_name2": True, "single_line": False},
    reasoning={"name": "Think XML", "prefix": "<think>", "suffix": "</think>", "separator": "\n"},
)


def over(context: int = 8192, presets: Presets = CHATML, kind: str = "llamacpp") -> dict[str, Any]:
    return tavern_settings.overlay(kind, f"http://{kind}:8080", context, presets)


def seeded(**changes: Any) -> dict[str, Any]:
    return tavern_settings.merge(STOCK, over(**changes))


def test_the_seed_keeps_every_stock_key_that_we_do_not_set() -> None:
    seed = seeded(presets=Presets())
    text = seed["textgenerationwebui_settings"]
    assert seed["background"] == {"name": "stock.png"}
    assert (text["temp"], text["server_urls"]["ollama"]) == (0.7, "http://o")
    assert seed["power_user"]["theme"] == "Dark \u00fc"
    assert seed["power_user"]["instruct"] == {"enabled": False, "preset": "Alpaca"}


def test_the_seed_makes_sillytavern_connect_without_a_click() -> None:
    seed = seeded(context=16384, kind="koboldcpp")
    assert seed["firstRun"] is False
    assert seed["main_api"] == "textgenerationwebui"
    assert seed["power_user"]["auto_connect"] is True
    assert (seed["max_context"], seed["power_user"]["max_context_unlocked"]) == (16384, True)
    assert tavern_settings.connection(seed) == ("koboldcpp", "http://koboldcpp:8080")


def test_the_seed_holds_the_whole_presets_as_plain_values() -> None:
    power = seeded(presets=ALPACA)["power_user"]
    assert power["instruct"] == {
        "enabled": True, "preset": "Alpaca", "input_sequence": "### Instruction:", "stop_sequence": "", "wrap": True,
    }  # fmt: skip
    assert power["context"] == {"preset": "Alpaca", "story_string": "{{trim}}"}
    assert (power["always_force_name2"], power["single_line"]) == (True, False)  # where the page keeps these two
    assert (power["reasoning"]["name"], power["reasoning"]["prefix"]) == ("Think XML", "<think>")
    assert power["reasoning"]["auto_parse"] is True


def test_a_model_that_does_not_think_aloud_leaves_the_reasoning_settings_alone() -> None:
    assert "reasoning" not in over()["power_user"]


def test_no_flag_of_the_seed_undoes_the_users_choice_at_every_page_load() -> None:
    flags = {"context_size_derived", "context_derived", "instruct_derived", "model_templates_mappings"}
    assert not flags & over()["power_user"].keys()


def test_the_seed_is_readable_text() -> None:
    text = data_json.dump(seeded())
    assert text.endswith("}\n")
    assert "Dark \u00fc" in text
    assert json.loads(text) == seeded()


# -- later


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ("", "")),
        (STOCK, ("", "")),
        ({"main_api": "textgenerationwebui"}, ("", "")),
        ({"main_api": "textgenerationwebui", "textgenerationwebui_settings": []}, ("", "")),
        ({"main_api": "textgenerationwebui", "textgenerationwebui_settings": {}}, ("", "")),
        ({"main_api": "textgenerationwebui", "textgenerationwebui_settings": {"type": "ooba"}}, ("ooba", "")),
        (
            {
                "main_api": "textgenerationwebui",
                "textgenerationwebui_settings": {"type": "ooba", "server_urls": {"koboldcpp": "http://k"}},
            },
            ("ooba", ""),
        ),
        (
            {
                "main_api": "textgenerationwebui",
                "textgenerationwebui_settings": {"type": "ooba", "server_urls": {"ooba": "http://t:5000"}},
            },
            ("ooba", "http://t:5000"),
        ),
        (
            {"main_api": "openai", "textgenerationwebui_settings": {"type": "ooba", "server_urls": {"ooba": "x"}}},
            ("", ""),
        ),
    ],
)
def test_the_connection_is_read_from_the_settings_as_they_are(
    settings: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert tavern_settings.connection(settings) == expected


WROTE = over()


def followed(settings: dict[str, Any], wanted: dict[str, Any], wrote: dict[str, Any] | None = None) -> Rewired:
    return tavern_settings.rewire(settings, wanted, wrote=WROTE if wrote is None else wrote, stock=STOCK)


def test_settings_follow_a_change_of_backend_context_and_template_where_they_are_as_we_wrote_them() -> None:
    settings = seeded() | {"mine": 1}
    # SillyTavern itself adds the slash, and keys of its own
    settings["textgenerationwebui_settings"]["server_urls"]["llamacpp"] += "/"
    settings["power_user"]["instruct"]["bind_to_context"] = False
    done = followed(settings, over(context=4096, presets=ALPACA, kind="koboldcpp"))
    assert tavern_settings.connection(done.settings) == ("koboldcpp", "http://koboldcpp:8080")
    assert (done.settings["max_context"], done.settings["mine"]) == (4096, 1)
    instruct = done.settings["power_user"]["instruct"]
    assert (instruct["preset"], instruct["input_sequence"]) == ("Alpaca", "### Instruction:")
    assert instruct["bind_to_context"] is False
    assert done.settings["power_user"]["reasoning"]["name"] == "Think XML"
    assert done.left == ()


def test_what_the_user_changed_is_left_and_named() -> None:
    done = followed(seeded() | {"max_context": 2048, "username": "Alice"}, over(context=4096))
    assert (done.settings["max_context"], done.settings["username"]) == (2048, "Alice")
    assert done.left == ("max_context",)


@pytest.mark.parametrize(
    ("unit", "key", "left"),
    [
        *(
            ("instruct", key, ("the instruct template", "the context template, which goes with it"))
            for key in ("input_sequence", "enabled", "preset")
        ),
        ("context", "story_string", ("the context template", "the instruct template, which goes with it")),
    ],
)
def test_a_template_that_the_user_changed_anywhere_is_left_as_a_whole_and_the_other_of_the_pair_with_it(
    unit: str, key: str, left: tuple[str, ...]
) -> None:
    settings = seeded()
    settings["power_user"][unit][key] = "mine"
    settings["power_user"]["single_line"] = False
    done = followed(settings, over(presets=ALPACA))
    kept = ("instruct", "context", "always_force_name2", "single_line")
    assert {one: done.settings["power_user"][one] for one in kept} == {one: settings["power_user"][one] for one in kept}
    assert done.settings["power_user"]["reasoning"]["name"] == "Think XML"
    assert done.left == left
    assert followed(settings, over(presets=ALPACA), over(presets=ALPACA)).left == ()


def test_what_is_left_once_is_not_mentioned_again() -> None:
    settings = seeded() | {"max_context": 2048}
    assert followed(settings, over(context=4096)).left == ("max_context",)
    assert followed(settings, over(context=4096), over(context=4096)).left == ()


def test_nothing_changes_where_the_overlay_has_not_changed() -> None:
    settings = {**seeded(), "max_context": 1, "main_api": "openai"}
    done = followed(settings, WROTE)
    assert (done.settings, done.left) == (settings, ())


def test_settings_of_which_we_know_nothing_follow_where_they_are_sillytaverns_own_default() -> None:
    settings = copy.deepcopy(STOCK) | {"max_context": 12000}
    done = followed(settings, over(), {})
    assert tavern_settings.connection(done.settings) == ("llamacpp", "http://llamacpp:8080")
    assert done.settings["power_user"]["instruct"]["preset"] == "ChatML"
    assert done.settings["max_context"] == 12000
    assert done.left == ("max_context",)


def test_a_reset_by_the_user_to_sillytaverns_default_stands() -> None:
    settings = seeded()
    settings["power_user"]["instruct"] = copy.deepcopy(STOCK["power_user"]["instruct"])
    done = followed(settings, over(presets=ALPACA))
    assert done.settings["power_user"]["instruct"] == STOCK["power_user"]["instruct"]
    assert done.settings["power_user"]["context"]["preset"] == "ChatML"
    assert done.left == ("the instruct template", "the context template, which goes with it")


@given(TABLE, TABLE, TABLE)
def test_any_settings_are_followed_without_losing_a_key(
    settings: dict[str, Any], wrote: dict[str, Any], stock: dict[str, Any]
) -> None:
    done = tavern_settings.rewire(settings, over(), wrote=wrote, stock=stock)
    assert settings.keys() <= done.settings.keys()
    again = tavern_settings.rewire(done.settings, over(), wrote=over(), stock=stock)
    assert again.settings == done.settings
    assert again.left == ()


@pytest.mark.parametrize(("context", "length"), [(2048, 512), (8192, 2048), (65536, 2048), (1024, 400)])
def test_an_answer_has_room_for_thoughts_where_the_model_thinks(context: int, length: int) -> None:
    def written(*, thinks: bool) -> int:
        return int(tavern_settings.overlay("llamacpp", "http://x", context, Presets(), thinks=thinks)["amount_gen"])

    assert (written(thinks=True), written(thinks=False)) == (length, 400)


def test_the_start_of_each_reply_is_written_only_where_a_template_needs_one() -> None:
    def written(opening: str | None) -> object:
        over = tavern_settings.overlay("llamacpp", "http://x", 8192, Presets(), opening=opening)
        return over["power_user"].get("user_prompt_bias", "not written")

    assert [written(one) for one in (None, "", "<think>\n")] == ["not written", "", "<think>\n"]
