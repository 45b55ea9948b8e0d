"""secrets.json: our key among the user's, whose entries and choices stay as they are."""

from typing import Any

import pytest

from stackctl.core.tavern import secrets_json as tavern_secrets
from stackctl.secret import Secret
from tests.core.samples import KEY

OURS = {"id": "stackctl", "value": KEY.reveal(), "label": "stackctl", "active": True}
THEIRS = {"id": "9b1d", "value": "their-key", "label": "my server", "active": True}
ELSEWHERE = {"api_key_openai": [{"id": "1", "value": "sk-1", "label": "paid", "active": True}], "deepl": []}


def given(before: dict[str, Any], key: Secret = KEY, *, is_connected: bool = True) -> dict[str, Any]:
    return tavern_secrets.with_key(before, "koboldcpp", key, is_connected=is_connected)


@pytest.mark.parametrize("kind", ["koboldcpp", "ooba", "llamacpp"])
def test_the_first_key_has_the_form_of_1_19_0_under_the_name_of_its_kind(kind: str) -> None:
    assert tavern_secrets.with_key({}, kind, KEY, is_connected=True) == {f"api_key_{kind}": [OURS]}


def test_every_other_secret_stays_as_it_is() -> None:
    assert given(ELSEWHERE) == {**ELSEWHERE, "api_key_koboldcpp": [OURS]}


def test_a_second_time_changes_nothing() -> None:
    assert given(given(ELSEWHERE)) == given(ELSEWHERE)


def test_beside_a_key_of_the_users_ours_is_used_where_sillytavern_talks_to_our_server() -> None:
    after = given({"api_key_koboldcpp": [THEIRS]})
    assert after["api_key_koboldcpp"] == [{**THEIRS, "active": False}, OURS]


def test_beside_a_key_of_the_users_theirs_stays_in_use_where_sillytavern_talks_to_another() -> None:
    after = given({"api_key_koboldcpp": [THEIRS]}, is_connected=False)
    assert after["api_key_koboldcpp"] == [THEIRS, {**OURS, "active": False}]
    assert given({}, is_connected=False)["api_key_koboldcpp"] == [OURS]


@pytest.mark.parametrize("is_connected", [True, False])
def test_a_changed_key_is_followed_and_the_users_choice_and_label_are_kept(is_connected: bool) -> None:
    ours = {**OURS, "active": False, "label": "renamed"}
    after = given({"api_key_koboldcpp": [THEIRS, ours]}, Secret("n" * 43), is_connected=is_connected)
    assert after["api_key_koboldcpp"] == [THEIRS, {**ours, "value": "n" * 43}]


def test_the_flat_form_of_older_versions_is_brought_along_whole_since_sillytavern_would_not_once_a_list_is_in() -> None:
    after = given({"api_key_openai": "sk-1", "api_key_koboldcpp": "their-key", "deepl": " "})
    (openai,) = after["api_key_openai"]
    theirs, ours = after["api_key_koboldcpp"]
    assert (openai["value"], openai["active"]) == ("sk-1", True)
    assert (theirs["value"], theirs["active"], ours) == ("their-key", False, OURS)
    assert after["_migrated"] == []
    assert "deepl" not in after


@pytest.mark.parametrize("odd", [None, 5, {}, "", [], ["x", None, 5]])
def test_odd_content_under_our_name_ends_in_no_error_and_lists_are_kept(odd: object) -> None:
    after = given({**ELSEWHERE, "api_key_koboldcpp": odd})["api_key_koboldcpp"]
    assert after == [*(odd if isinstance(odd, list) else []), OURS]


def test_the_entry_in_use_is_the_active_one() -> None:
    assert tavern_secrets.active([{**THEIRS, "active": False}, OURS]) == OURS
    assert tavern_secrets.is_ours(OURS)
    assert not tavern_secrets.is_ours(THEIRS)
    for nothing in (None, [], "x", [{**THEIRS, "active": False}], [None]):
        assert tavern_secrets.active(nothing) is None


def test_for_a_server_that_wants_no_key_ours_is_taken_out_and_nothing_else() -> None:
    before = {**ELSEWHERE, "api_key_koboldcpp": [{**THEIRS, "active": False}, OURS], "api_key_ooba": [OURS]}
    after = tavern_secrets.without_key(before, "koboldcpp")
    assert after == {**before, "api_key_koboldcpp": [{**THEIRS, "active": False}]}
    assert given(after)["api_key_koboldcpp"] == [{**THEIRS, "active": False}, OURS]


@pytest.mark.parametrize("before", [{}, ELSEWHERE, {"api_key_koboldcpp": [THEIRS]}, {"api_key_koboldcpp": "flat"}])
def test_where_ours_is_not_nothing_is_taken_out(before: dict[str, Any]) -> None:
    assert tavern_secrets.without_key(before, "koboldcpp") == before
