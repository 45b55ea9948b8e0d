"""A secret shows itself to reveal() alone; in any text it is ***; a key has a form that every carrier takes."""

import json
import shlex
import traceback

import pytest

from stackctl.errors import ConfigError
from stackctl.secret import Secret, api_key, hidden, servers_key
from tests.core.samples import KEY, a_plan, seen

TEXT = KEY.reveal()


def test_no_way_of_printing_shows_it() -> None:
    assert KEY.reveal() == TEXT
    for shown in (repr(KEY), str(KEY), f"{KEY}", f"{KEY!r:>5}", "%s" % KEY, repr([KEY]), repr(seen()), repr(a_plan())):  # noqa: UP031
        assert TEXT not in shown
        assert "***" in shown
    with pytest.raises(TypeError):
        json.dumps({"key": KEY})


def test_a_traceback_does_not_show_it() -> None:
    nothing: dict[Secret, int] = {}
    try:
        nothing[KEY]
    except KeyError:
        assert "KeyError: ***" in traceback.format_exc()


def test_secrets_are_equal_by_their_text() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1


def test_every_occurrence_in_a_text_is_hidden_also_as_json_writes_it() -> None:
    odd = Secret('say "é"\\')
    text = f"{TEXT} x{TEXT}\n{json.dumps(odd.reveal())} {json.dumps(odd.reveal(), ensure_ascii=False)} {odd.reveal()}"
    assert hidden(text, [KEY, odd]) == '*** x***\n"***" "***" ***'
    assert hidden("as it was", [KEY, Secret("")]) == "as it was"


@pytest.mark.parametrize("good", ["a" * 32, "A-_.~9" * 8, f"\n {TEXT}\n", "-" * 32, "x" * 256])
def test_a_key_may_be_the_users_own(good: str) -> None:
    assert api_key(good, "key").reveal() == good.strip()


@pytest.mark.parametrize("bad", ["", "short", "a" * 31, "a" * 257, "a b" * 20, "a\n" * 40, "é" * 40, "a" * 40 + "$"])
def test_what_is_no_key_is_refused_and_not_shown(bad: str) -> None:
    with pytest.raises(ConfigError) as caught:
        api_key(bad, "/srv/$(chat)'s/.stackctl/api-key")
    assert "/srv/$(chat)'s/.stackctl/api-key" in caught.value.message
    words = shlex.split(caught.value.hint.partition("`")[2].partition("`")[0])
    assert words == ["rm", "/srv/$(chat)'s/.stackctl/api-key"]
    assert not bad or bad not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("good", ["1234", f"\n {TEXT}\n", "$x'\"#{}"])
def test_the_key_of_a_server_that_is_not_ours_may_be_any_word(good: str) -> None:
    assert servers_key(good, "key").reveal() == good.strip()


@pytest.mark.parametrize("bad", ["", " \n", "two words", "a\nb", "ключ", "a\x7f"])
def test_what_fits_into_no_header_is_no_key_of_a_server(bad: str) -> None:
    with pytest.raises(ConfigError, match="/srv/key contains no API key") as caught:
        servers_key(bad, "/srv/key")
    assert not bad.strip() or bad not in caught.value.message + caught.value.hint
