"""Which folder is which SillyTavern, where its files belong, and what of its settings can hold in a stack."""

import json
from typing import Any

import pytest

from stackctl.core.adoption import config_yaml as adopted_config
from stackctl.core.adoption import layout as adoption
from stackctl.core.adoption import settings_json as adopted_settings
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern import data_json
from stackctl.errors import ConfigError


def test_every_place_of_the_old_layout_goes_where_sillytavern_itself_would_move_it_and_back() -> None:
    found = adoption.layout(frozenset({"public/characters"}), "data", ())
    assert found
    assert found.is_converted
    for target, source in (
        ("data/default-user/chats/Alice/1.jsonl", "public/chats/Alice/1.jsonl"),
        ("data/default-user/group chats/1.jsonl", "public/group chats/1.jsonl"),
        ("data/default-user/User Avatars/a.png", "public/User Avatars/a.png"),
        ("data/default-user/secrets.json", "secrets.json"),
        ("data/default-user/vectors/x", "vectors/x"),
        ("data/default-user/extensions/Own/index.js", "public/scripts/extensions/third-party/Own/index.js"),
        ("config/config.yaml", "config.yaml"),
    ):
        assert adoption.origin_of(target, found.pieces) == source
    assert adoption.origin_of("data/bob/chats/1.jsonl", found.pieces) is None


def test_the_targets_are_the_stacks_own_folders() -> None:
    here = frozenset({"server.js", "st/default-user", "data/default-user", "default-user"})
    for given, root in ((here, "st"), (here - {"server.js"}, "data"), (frozenset({"default-user"}), "data")):
        found = adoption.layout(given, root, ())
        assert found
        assert {piece.target.split("/")[0] for piece in found.pieces} <= set(tavern.FOLDERS)


@pytest.mark.parametrize(
    ("image", "written", "is_refused"),
    [
        (tavern.IMAGE, "1.19.0", False),
        (tavern.IMAGE, "1.9.2", False),
        (tavern.IMAGE, "1.19.1", True),
        (tavern.IMAGE, "", False),
        ("ghcr.io/sillytavern/sillytavern:1.20.0@sha256:" + "0" * 64, "1.19.1", False),
        ("ghcr.io/sillytavern/sillytavern:staging", "1.30.0", False),
        ("localhost:5000/sillytavern:1.12.6", "1.13.0", True),
    ],
)
def test_an_image_older_than_the_settings_is_refused(image: str, written: str, is_refused: bool) -> None:
    versions = {"/st/data/default-user/settings.json": written}
    if not is_refused:
        adoption.refuse_newer(versions, image)
        return
    with pytest.raises(ConfigError, match="was written by SillyTavern") as caught:
        adoption.refuse_newer(versions, image)
    assert "sillytavern.image" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ("", "data"),
        ("port: 1", "data"),
        ("dataRoot: ./data", "data"),
        ("dataRoot: ./my data/", "my data"),
        ("dataRoot: /big/st", "/big/st"),
        ("dataRoot: 3", "data"),
        ("[]", "data"),
    ],
)
def test_the_data_folder_that_config_yaml_names(text: str, root: str) -> None:
    assert adopted_config.data_root(text, "config.yaml") == root


def test_only_what_can_not_hold_in_a_stack_is_changed_and_the_rest_is_kept_byte_for_byte() -> None:
    text = (
        "# mine\ndataRoot: '/big'\nlisten: true # yes\nport:   9000   # here\nwhitelistMode: false\n"
        "whitelist:\n  - 10.0.0.1\nssl: {enabled: true, certPath: x}\nbasicAuthMode: true\n"
        "enableUserAccounts: true\nsecurityOverride: true\ndisableCsrfProtection: true\n"
        "hostWhitelist:\n  enabled: true\n  hosts: [chat.lan]\n"
    )
    changed, changes = adopted_config.neutral(text, "config.yaml")
    assert changed == (
        '# mine\ndataRoot: "./data"\nlisten: true # yes\nport:   8000   # here\nwhitelistMode: true\n'
        "whitelist:\n  - 10.0.0.1\nssl: {enabled: false, certPath: x}\nbasicAuthMode: false\n"
        "enableUserAccounts: false\nsecurityOverride: true\ndisableCsrfProtection: false\n"
        "hostWhitelist:\n  enabled: true\n  hosts: [chat.lan]\n"
    )
    assert {one.key: one.before for one in changes} == {
        "dataRoot": "/big", "port": 9000, "ssl.enabled": True, "whitelistMode": False, "basicAuthMode": True,
        "enableUserAccounts": True, "disableCsrfProtection": True,
    }  # fmt: skip
    assert adopted_config.neutral(changed, "config.yaml") == (changed, ())


@pytest.mark.parametrize("text", ["", "[]", "# nothing\n", "port:\n  a: 1\n", "port: 8000\ndataRoot: ./data\n"])
def test_a_config_yaml_that_holds_already_stays_as_it_is(text: str) -> None:
    assert adopted_config.neutral(text, "config.yaml") == (text, ())


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("hostWhitelist: {enabled: true, hosts: [chat.lan, .example.org]}", ("chat.lan", ".example.org")),
        ("hostWhitelist: {enabled: false, hosts: [chat.lan]}", ("chat.lan",)),
        ("hostWhitelist: {hosts: [5]}", ("5",)),
        ("hostWhitelist: {hosts: chat.lan}", ()),
        ("hostWhitelist: {hosts: }", ()),
        ("hostWhitelist: [a]", ()),
        ("[]", ()),
        ("", ()),
    ],
)
def test_the_names_that_its_whitelist_of_hosts_has(text: str, names: tuple[str, ...]) -> None:
    assert adopted_config.host_names(text, "config.yaml") == names


NESTED = "".join(
    f"a{i}: &a{i} {{{', '.join(f'k{k}: *a{i - 1}' if i else f'k{k}: 1' for k in range(10))}}}\n" for i in range(40)
)
MERGED = "a0: &a0 {k: 1}\n" + "".join(f"a{i}: &a{i}\n  <<: [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 40))


@pytest.mark.parametrize(
    "odd",
    [
        NESTED, MERGED, "a: &a\n  b: *a\n", "&a listen: &b [*b]\n", "listen: !!bool zz\n", "a: !!timestamp x\n",
        "basicAuthUser: !!int \"\"\n", "? {b: c}\n: d\n",
    ],
)  # fmt: skip
def test_a_hostile_config_yaml_is_looked_at_key_by_key_and_kept(odd: str) -> None:
    text = f"{odd}port: 9000\nhostWhitelist: {{hosts: [chat.lan, [a]]}}\n"
    assert adopted_config.data_root(text, "config.yaml") == "data"
    assert adopted_config.host_names(text, "config.yaml") == ("chat.lan",)
    assert adopted_config.neutral(text, "config.yaml")[0] == text.replace("port: 9000", "port: 8000")


@pytest.mark.parametrize(
    "text", ["a: [", "[" * 1200, 'a: "\\UFFFFFFFF"', 'a: "\\U00FFFFFF"', "a: *b", "a\n---\nb", "\0"]
)
def test_what_is_no_yaml_is_refused_with_an_action(text: str) -> None:
    for look in (adopted_config.data_root, adopted_config.host_names, adopted_config.neutral):
        with pytest.raises(ConfigError, match=r"config\.yaml is not YAML") as caught:
            look(text, "config.yaml")
        assert caught.value.hint == "Fix it, or move it away."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("port: >-\n  9000\nlisten: true\n", "port: 8000\nlisten: true\n"),
        ("port: |\n  9000\n\n# mine\nlisten: true\n", "port: 8000\n# mine\nlisten: true\n"),
        ("port:\nlisten: true\n", "port: 8000\nlisten: true\n"),
        ('port: !!int ""\nlisten: true\n', "port: 8000\nlisten: true\n"),
        ("port:\n  9000\nlisten: true\n", "port:\n  8000\nlisten: true\n"),
        ("port: &a 9000\n", "port: 8000\n"),
        ("ssl: {enabled: }\n", "ssl: {enabled: false }\n"),
        ("ssl: {enabled: no}\n", "ssl: {enabled: false}\n"),
        ("{port: 9000, ssl: {enabled: true}}", "{port: 8000, ssl: {enabled: false}}"),
        ("ssl.enabled: true\n", "ssl.enabled: true\n"),
    ],
)
def test_a_changed_config_yaml_says_what_it_should_whatever_the_form(text: str, expected: str) -> None:
    assert adopted_config.neutral(text, "config.yaml")[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        "x: &a 9000\nport: *a\n",
        "port: &a 9000\nx: *a\n",
        "x: &a {enabled: true}\nssl: *a\n",
        "{port, x: 1}\n",
    ],
)
def test_what_can_not_be_changed_where_it_stands_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match=r"config\.yaml: (port|ssl\.enabled) can't be changed") as caught:
        adopted_config.neutral(text, "config.yaml")
    assert caught.value.hint.startswith("Write ")


def profiles(*urls: Any) -> dict[str, Any]:
    found = [{"id": str(i), "name": f"n{i}", "api-url": url} for i, url in enumerate(urls)]
    return {"extension_settings": {"connectionManager": {"profiles": found, "selectedProfile": "0"}, "other": 1}}


def is_here(url: str) -> bool:
    return "127.0.0.1" in url


def test_only_profiles_that_point_at_this_machine_get_a_copy_once() -> None:
    before = profiles("http://127.0.0.1:5001/api", "http://192.168.1.9:1", "", None, "127.0.0.1:5001", 7)
    found = adopted_settings.reach_backend(before, is_here)
    after = found.settings["extension_settings"]["connectionManager"]["profiles"]
    assert after[:-1] == before["extension_settings"]["connectionManager"]["profiles"]
    assert after[-1]["api-url"] == "http://host.docker.internal:5001/api"
    assert found.added == ("n0 (from the container)",)
    assert found.settings["extension_settings"]["other"] == 1
    assert adopted_settings.reach_backend(found.settings, is_here).added == ()


@pytest.mark.parametrize(
    "settings",
    [{}, {"extension_settings": 3}, {"extension_settings": {"connectionManager": {"profiles": {}}}}, profiles()],
)
def test_settings_without_profiles_stay_as_they_are(settings: dict[str, Any]) -> None:
    assert adopted_settings.reach_backend(settings, is_here).settings == settings


def test_half_a_character_survives_as_the_page_writes_it() -> None:
    text = data_json.dump(json.loads(r'{"cut": "\ud83d", "whole": "é"}'))
    assert r'"\ud83d"' in text
    assert "é" in text
    assert json.loads(text.encode()) == {"cut": "\ud83d", "whole": "é"}


def test_another_name_keeps_what_sillytavern_knows_the_file_by() -> None:
    assert adoption.name_apart("chats/A/x y.jsonl", 1) == "chats/A/x y.from-stackctl.jsonl"
    assert adoption.name_apart("chats/A/x.jsonl", 3) == "chats/A/x.from-stackctl-3.jsonl"
