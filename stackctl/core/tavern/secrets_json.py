"""SillyTavern's secrets.json: the keys that it sends to servers, several for each kind, one of them active.

Source: src/endpoints/secrets.js of SillyTavern 1.19.0, which reads the file anew at every request.
"""

from collections.abc import Mapping
from typing import Any, Final

from stackctl.secret import Secret, is_api_key

FILE: Final = "data/default-user/secrets.json"  # below the data folder
ID: Final = "stackctl"  # of our entry, which is found by it again; SillyTavern itself makes UUIDs
_MIGRATED: Final = "_migrated"  # SillyTavern's own mark
_MOST_KINDS: Final = 16  # of servers whose keys are looked for


def key_name(server_type: str) -> str:
    """Under which name SillyTavern keeps the keys for a kind of text completion server."""
    return f"api_key_{server_type}"


def with_key(secrets: Mapping[str, Any], server_type: str, key: Secret, *, is_connected: bool) -> dict[str, Any]:
    """The secrets with our key among those for a kind of server; everything else stays as it is.

    A new one becomes the active one if SillyTavern is connected to our server (`is_connected`) or has no other.
    One that is there follows the key; which is active stays the user's choice.
    """
    table = _in_lists(secrets)
    entries = _entries(key_name(server_type), table.get(key_name(server_type)))
    if any(_is_ours(one) for one in entries):
        changed = [{**one, "value": key.reveal()} if _is_ours(one) else one for one in entries]
    else:
        becomes_active = is_connected or active(entries) is None
        others = [{**one, "active": False} if becomes_active and isinstance(one, dict) else one for one in entries]
        changed = [*others, {"id": ID, "value": key.reveal(), "label": ID, "active": becomes_active}]
    return {**table, key_name(server_type): changed}


def own_keys(secrets: Mapping[str, Any]) -> tuple[Secret, ...]:
    """Return the keys that we wrote, one for each kind of server at most.

    What has not the form of a key of ours is none: the file may come from whatever runs in SillyTavern's container.
    """
    found: list[Secret] = []
    for value in secrets.values():
        entries = (one for one in value if _is_ours(one)) if isinstance(value, list) else ()
        keys = (one.get("value") for one in entries)
        found += [Secret(key) for key in keys if isinstance(key, str) and is_api_key(key)][:1]
    return tuple(found[:_MOST_KINDS])


def without_key(secrets: Mapping[str, Any], server_type: str) -> dict[str, Any]:
    """The secrets without our key for a kind of server: the one that it now talks to is not ours, and wants none."""
    table = _in_lists(secrets)
    entries = _entries(key_name(server_type), table.get(key_name(server_type)))
    kept = [one for one in entries if not _is_ours(one)]
    return {**table, key_name(server_type): kept} if kept != entries else dict(secrets)


def active(entries: object) -> dict[str, Any] | None:
    """The entry that SillyTavern uses, of those for a kind of server; None where there is none."""
    found = entries if isinstance(entries, list) else []
    return next((one for one in found if isinstance(one, dict) and one.get("active")), None)


def is_ours(entry: Mapping[str, Any]) -> bool:
    return entry.get("id") == ID


def _is_ours(entry: object) -> bool:
    return isinstance(entry, dict) and is_ours(entry)


def _in_lists(secrets: Mapping[str, Any]) -> dict[str, Any]:
    """Brought from the flat form of older versions, as SillyTavern does at its start but not once a list is in it."""
    if _MIGRATED in secrets or not secrets or any(isinstance(value, list) for value in secrets.values()):
        return dict(secrets)
    return {**{one: _entries(one, value) for one, value in secrets.items() if _entries(one, value)}, _MIGRATED: []}


def _entries(label: str, value: object) -> list[Any]:
    if isinstance(value, str) and value.strip():
        return [{"id": label, "value": value, "label": label, "active": True}]
    return value if isinstance(value, list) else []
