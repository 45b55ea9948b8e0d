"""What was recorded of the settings that we wrote: by it a later stackctl tells a new wish from its own novelties."""

from collections.abc import Mapping
from typing import Any

from stackctl.contracts.json_table import table_or_empty


def written(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what we wrote into the settings last; {}: nothing that is known. The first records held that alone."""
    return record if "main_api" in record else table_or_empty(record.get("overlay"))


def is_same_wish(record: Mapping[str, Any], made_from: Mapping[str, Any]) -> bool:
    """Whether the settings were made from the same before. Another version of stackctl is no wish of anybody's."""
    before = {**table_or_empty(record.get("made_from")), "stackctl": made_from["stackctl"]}
    return before == made_from


def leaves_templates(record: Mapping[str, Any], made_from: Mapping[str, Any]) -> bool:
    """Whether the page's prompt templates stay as they are, though we would choose some.

    So it is where what we wrote had none, as of a stackctl that knew none, and no other one was asked for since: the
    user has chatted with what the page had.
    """
    wrote, before = written(record), table_or_empty(record.get("made_from"))
    if not wrote or "instruct" in table_or_empty(wrote.get("power_user")):
        return False
    template = made_from["template"]
    if "template" not in before:
        return not (template and template["source"] == "stack.toml")
    return bool(before["template"] == template)
