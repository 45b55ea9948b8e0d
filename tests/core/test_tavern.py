import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.core import tavern

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
    assert tavern.merged(stock, over) == {
        "a": {"b": 2, "c": [3], "d": {"e": 1, "x": 2}},
        "f": 1,
        "g": 5,
        "i": {"j": 1},
    }


@given(TABLE, TABLE)
def test_merging_loses_no_key_and_twice_is_once(stock: dict[str, Any], over: dict[str, Any]) -> None:
    before = json.dumps(stock)
    once = tavern.merged(stock, over)
    assert set(once) == set(stock) | set(over)
    assert tavern.merged(once, over) == once
    assert tavern.merged(stock, {}) == stock
    assert tavern.merged({}, over) == over
    assert json.dumps(stock) == before


# -- settings


def test_the_seed_keeps_every_stock_key_that_we_do_not_set() -> None:
    seed = json.loads(tavern.seed(json.dumps(STOCK), tavern.overlay("koboldcpp", "http://koboldcpp:5001", 16384)))
    text = seed["textgenerationwebui_settings"]
    assert seed["background"] == {"name": "stock.png"}
    assert (text["temp"], text["server_urls"]["ollama"]) == (0.7, "http://o")
    assert seed["power_user"]["theme"] == "Dark \u00fc"
    assert seed["power_user"]["instruct"] == {"enabled": False, "preset": "Alpaca"}


def test_the_seed_makes_sillytavern_connect_without_a_click() -> None:
    seed = json.loads(tavern.seed(json.dumps(STOCK), tavern.overlay("koboldcpp", "http://koboldcpp:5001", 16384)))
    assert seed["firstRun"] is False
    assert seed["main_api"] == "textgenerationwebui"
    assert seed["power_user"]["auto_connect"] is True
    assert (seed["max_context"], seed["power_user"]["max_context_unlocked"]) == (16384, True)
    assert tavern.connection(seed) == ("koboldcpp", "http://koboldcpp:5001")


def test_no_flag_of_the_seed_undoes_the_users_choice_at_every_page_load() -> None:
    overlay = tavern.overlay("llamacpp", "http://llamacpp:8080", 8192)
    assert {"context_size_derived", "context_derived", "instruct_derived", "model_templates_mappings"} & set(
        overlay["power_user"]
    ) == set()


def test_the_seed_is_readable_text() -> None:
    text = tavern.seed(json.dumps(STOCK), {})
    assert json.loads(text) == STOCK
    assert "Dark \u00fc" in text
    assert text.endswith("}\n")


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
    assert tavern.connection(settings) == expected


# -- environment


def test_the_whitelist_is_json_of_loopback_and_the_edge_gateway() -> None:
    environment = tavern.environment("10.64.3.1")
    assert json.loads(environment["SILLYTAVERN_WHITELIST"]) == ["127.0.0.1", "::1", "10.64.3.1"]


def test_no_variable_is_set_that_opens_a_door_or_stops_it() -> None:
    environment = tavern.environment("10.64.3.1")
    assert environment["SILLYTAVERN_BROWSERLAUNCH_ENABLED"] == "false"
    assert not {"SILLYTAVERN_WHITELISTMODE", "SILLYTAVERN_SECURITYOVERRIDE", "SILLYTAVERN_HOSTWHITELIST_ENABLED"} & set(
        environment
    )
    assert not {"PUID", "PGID"} & set(environment)  # they need capabilities that are dropped


# -- health and waiting: only what the image has


def test_the_health_check_uses_node_alone_and_asks_what_needs_no_login() -> None:
    assert tavern.HEALTH[:3] == ("CMD", "node", "-e")
    assert "node" in tavern.IMAGE_TOOLS
    assert "http://127.0.0.1:8000/version" in tavern.HEALTH[3]
    assert "401" in tavern.HEALTH[3]  # a password of its own still means that it lives


def test_the_wait_takes_its_words_as_arguments_never_as_script() -> None:
    hostile = "http://x/$(touch y)'\"`"
    argv = tavern.entrypoint(hostile, '{"text":"a b"}', 70, "ooba")
    assert argv[:2] == ("sh", "-c")
    assert argv[-5:] == (hostile, '{"text":"a b"}', "70", *KEYS)
    assert hostile not in argv[2]
    assert {"sh", "node"} <= set(tavern.IMAGE_TOOLS)


KEYS = ("/home/node/app/data/default-user/secrets.json", "api_key_ooba")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A folder like the image's: a node that notes its words, and the official entrypoint that notes its start."""
    (tmp_path / "bin").mkdir()
    scripts = {
        "bin/node": '#!/bin/sh\nfor word; do printf "%s\\n" "$word"; done >node.txt\nexit ${NODE_EXIT:-0}\n',
        "docker-entrypoint.sh": '#!/bin/sh\necho "$# $$" >started.txt\n',
    }
    for name, script in scripts.items():
        (tmp_path / name).write_text(script, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("node_exit", ["0", "1"])
@pytest.mark.parametrize("body", ["", '{"text":"hello"}'])
def test_the_wait_hands_its_words_to_node_and_then_becomes_the_images_own_entrypoint(
    image: Path, node_exit: str, body: str
) -> None:
    argv = tavern.entrypoint("http://b:1/$x", body, 70, "ooba")
    path = f"{image / 'bin'}:{os.defpath}"
    done = subprocess.Popen(argv, cwd=image, env={"PATH": path, "NODE_EXIT": node_exit})
    assert done.wait(timeout=20) == 0
    words = (image / "node.txt").read_text(encoding="utf-8").splitlines()
    assert words == ["-e", argv[4], "--", "http://b:1/$x", body, "70", *KEYS]
    assert (image / "started.txt").read_text(encoding="utf-8") == f"0 {done.pid}\n"  # exec: signals reach it


def test_the_script_ends_the_wait_by_itself_and_asks_by_get_or_by_post() -> None:
    script = tavern.entrypoint("u", "", 1, "ooba")[4]
    assert "process.argv.slice(1)" in script
    assert "method:'POST'" in script
    assert "AbortSignal.timeout" in script
    assert "process.exit()" in script
    assert "\n" not in script


def test_the_image_is_pinned_and_ours_has_the_same_version_under_our_name() -> None:
    assert tavern.IMAGE.rsplit(":", 1)[1] == tavern.OWN_IMAGE.rsplit(":", 1)[1] == "1.19.0"
    assert tavern.IMAGE.rsplit(":", 1)[0] != tavern.OWN_IMAGE.rsplit(":", 1)[0]


def test_every_folder_of_the_image_that_is_written_to_is_mounted() -> None:
    places = {place.removeprefix(f"{tavern.APP}/") for place in tavern.FOLDERS.values()}
    assert places == {"config", "data", "plugins", "public/scripts/extensions/third-party"}
    assert tavern.SETTINGS.split("/")[0] in tavern.FOLDERS


WROTE = tavern.overlay("llamacpp", "http://llamacpp:8080", 8192)


def test_settings_follow_a_change_of_backend_and_context_where_they_are_as_we_wrote_them() -> None:
    settings = tavern.merged({"mine": 1, "textgenerationwebui_settings": {"temp": 0.7}}, WROTE)
    # SillyTavern itself adds the slash
    settings["textgenerationwebui_settings"]["server_urls"]["llamacpp"] += "/"
    after, left = tavern.rewired(settings, WROTE, tavern.overlay("koboldcpp", "http://koboldcpp:5001", 4096))
    assert tavern.connection(after) == ("koboldcpp", "http://koboldcpp:5001")
    assert (after["max_context"], after["mine"], after["textgenerationwebui_settings"]["temp"]) == (4096, 1, 0.7)
    assert left == ()


def test_what_the_user_changed_is_left_and_named() -> None:
    settings = tavern.merged({}, WROTE) | {"max_context": 2048, "username": "Alice"}
    after, left = tavern.rewired(settings, WROTE, tavern.overlay("llamacpp", "http://llamacpp:8080", 4096))
    assert (after["max_context"], after["username"]) == (2048, "Alice")
    assert left == ("max_context",)


def test_nothing_changes_where_the_overlay_has_not_changed() -> None:
    settings = {"max_context": 1, "main_api": "openai", "power_user": {"auto_connect": False}}
    assert tavern.rewired(settings, WROTE, WROTE) == (settings, ())
