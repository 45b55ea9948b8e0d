"""The record of written settings, by which a later stackctl tells the user's changes from its own new defaults."""

from collections.abc import Mapping
from typing import Any

from stackctl.contracts.json_table import table_or_empty
from stackctl.core.tavern.settings_json import merge


def written(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what stackctl wrote into the settings last; {} if unknown. The first records contained only that."""
    return record if "main_api" in record else table_or_empty(record.get("overlay"))


def with_written(record: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Return the overlay with what earlier ones wrote and this one does not name: it is not the user's choice."""
    was = written(record)
    power = {**table_or_empty(was.get("power_user")), **table_or_empty(overlay.get("power_user"))}
    return {**merge(was, overlay), "power_user": power}


def is_same_wish(record: Mapping[str, Any], made_from: Mapping[str, Any]) -> bool:
    """Return whether the settings were made from the same inputs. Another version of stackctl is no change."""
    before = {**table_or_empty(record.get("made_from")), "stackctl": made_from["stackctl"]}
    return before == made_from


def leaves_templates(record: Mapping[str, Any], made_from: Mapping[str, Any]) -> bool:
    """Return whether the page's prompt templates stay, though stackctl would now choose some.

    True if an older stackctl wrote none and the user has asked for none since: the user has chatted with the page's.
    """
    wrote, before = written(record), table_or_empty(record.get("made_from"))
    if not wrote or "instruct" in table_or_empty(wrote.get("power_user")):
        return False
    template = made_from["template"]
    if "template" not in before:
        return not (template and template["source"] == "stack.toml")
    former = before["template"]  # a later version may know more of a template
    return bool(former == template or (former and template and former.items() <= template.items()))
