"""What a later stackctl makes of the record of an earlier one: nothing of the page changes because of its version."""

from typing import Any

import pytest

from stackctl.core.tavern import settings_json
from stackctl.core.tavern.settings_json import Presets
from stackctl.core.tavern.settings_record import is_same_wish, leaves_templates, written

CHATML = {"instruct": "ChatML", "context": "ChatML", "source": "its chat template"}
NOW: dict[str, Any] = {
    "stackctl": "0.2.0",
    "connection": ["llamacpp", "http://llamacpp:8080", 8192],
    "template": CHATML,
}
BARE = settings_json.overlay("llamacpp", "http://llamacpp:8080", 8192, Presets())
FULL = settings_json.overlay("llamacpp", "http://llamacpp:8080", 8192, Presets(instruct={"name": "ChatML"}))


def record(overlay: dict[str, Any], **made_from: object) -> dict[str, Any]:
    return {"made_from": {"stackctl": "0.1.0", **made_from}, "overlay": overlay}


def test_another_version_alone_is_no_new_wish() -> None:
    same = {key: value for key, value in NOW.items() if key != "stackctl"}
    assert is_same_wish(record(FULL, **same), NOW)
    assert not is_same_wish(record(FULL, **{**same, "template": None}), NOW)
    assert not is_same_wish({}, NOW)
    assert not is_same_wish(BARE, NOW)


def test_the_first_records_held_what_was_written_alone() -> None:
    assert written(BARE) == written(record(BARE)) == BARE
    assert written({}) == written({"overlay": 3}) == {}


@pytest.mark.parametrize("before", [BARE, record(BARE, connection=[])], ids=["first", "without templates"])
def test_templates_of_which_an_older_stackctl_knew_nothing_are_left_until_somebody_names_one(
    before: dict[str, Any],
) -> None:
    assert leaves_templates(before, NOW)
    assert not leaves_templates(before, {**NOW, "template": {**CHATML, "source": "stack.toml"}})


def test_they_are_left_at_later_changes_too_as_long_as_no_other_template_is_chosen() -> None:
    before = record(BARE, template=CHATML)
    assert leaves_templates(before, {**NOW, "connection": ["llamacpp", "http://llamacpp:8080", 4096]})
    assert not leaves_templates(before, {**NOW, "template": {**CHATML, "instruct": "Mistral"}})


def test_what_we_wrote_goes_on_following_and_a_first_deploy_gets_all() -> None:
    assert not leaves_templates(record(FULL, template=CHATML), NOW)
    assert not leaves_templates({}, NOW)
    assert not leaves_templates(record(BARE, template=None), NOW)


def test_they_are_left_where_a_later_stackctl_knows_more_of_the_same_template() -> None:
    before = record(BARE, template=CHATML)
    assert leaves_templates(before, {**NOW, "template": {**CHATML, "thinking": "off"}})
