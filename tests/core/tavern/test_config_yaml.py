"""config.yaml: name and password in their place, every other byte kept."""

import pytest
import yaml

from stackctl.core.tavern.config_yaml import login, with_login
from stackctl.errors import ConfigError
from stackctl.secret import Secret

PASSWORD = Secret("pa:ss#'\"$x}")
STOCK = """\
# -- mine --
listen: false   # no
basicAuthMode: false
# Basic authentication credentials
basicAuthUser:
  username: "user"
  password: "password"  # stock
cors: {enabled: true}
"""


@pytest.mark.parametrize(
    "text",
    [
        "",
        STOCK,
        STOCK.replace("\n", "\r\n"),
        "listen: true",
        "# only a remark\n",
        "basicAuthUser: {username: a, password: b}\nx: \u00e4\n",
        "x: \u00e4\U0001f600\nbasicAuthUser:\n    password:\n    username: 'a b'\n    more: 1\n",
        "basicAuthUser:\n  username: |\n    a\n  password: >-\n    b\n    c\ny: 2\n",
    ],
)
def test_the_login_is_in_its_place_and_all_else_is_kept(text: str) -> None:
    after = with_login(text, "stackctl", PASSWORD)
    assert login(after) == ("stackctl", PASSWORD.reveal())
    before, now = (yaml.safe_load(one) or {} for one in (text, after))
    for one in (before, now):
        for key in ("username", "password"):
            one.get("basicAuthUser", {}).pop(key, None)
    assert {**before, "basicAuthUser": now["basicAuthUser"]} == now
    assert with_login(after, "stackctl", PASSWORD) == after


def test_comments_order_and_other_lines_stay_byte_for_byte() -> None:
    after = with_login(STOCK, "stackctl", Secret("abcde-fghjk-mnpqr-stuvw"))
    assert after == STOCK.replace('"user"', '"stackctl"').replace('"password"', '"abcde-fghjk-mnpqr-stuvw"')


@pytest.mark.parametrize(
    "text",
    ["basicAuthUser: yes\n", "basicAuthUser: {username: secret-a}\n", "basicAuthUser:\n", "- a\n", "a: [secret-b\n"],
)
def test_what_can_not_be_edited_is_refused_without_its_content(text: str) -> None:
    with pytest.raises(ConfigError) as failed:
        with_login(text, "stackctl", PASSWORD)
    assert "secret" not in f"{failed.value.message} {failed.value.hint}"


@pytest.mark.parametrize("text", ["", "a: 1\n", "basicAuthUser: 3\n", "basicAuthUser: {username: a}\n"])
def test_where_there_is_no_login_none_is_found(text: str) -> None:
    assert login(text) is None
