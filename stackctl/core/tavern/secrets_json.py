"""SillyTavern's secrets.json: the keys that it sends to servers, several for each kind, one of them active.

Source: src/endpoints/secrets.js of SillyTavern 1.19.0, which reads the file at every request.
"""

from collections.abc import Mapping
from typing import Any, Final

from stackctl.secret import Secret, is_api_key

FILE: Final = "data/default-user/secrets.json"  # in the data folder
ID: Final = "stackctl"  # the id of stackctl's entry; SillyTavern itself uses UUIDs
_MIGRATED: Final = "_migrated"  # SillyTavern's mark
_MOST_KINDS: Final = 16  # kinds of servers whose keys are read


def key_name(server_type: str) -> str:
    """Return SillyTavern's name for the keys of a kind of text completion server."""
    return f"api_key_{server_type}"


def with_key(secrets: Mapping[str, Any], server_type: str, key: Secret, *, is_connected: bool) -> dict[str, Any]:
    """Return the secrets with stackctl's key among those for a kind of server; everything else stays.

    A new entry becomes the active one if SillyTavern is connected to this stack's server (is_connected) or has no
    other. An existing entry gets the key; the active one stays the user's choice.
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
    """Return the keys that stackctl wrote, at most one for each kind of server.

    Values without the form of stackctl's keys are ignored: programs in SillyTavern's container may write the file.
    """
    found: list[Secret] = []
    for value in secrets.values():
        entries = (one for one in value if _is_ours(one)) if isinstance(value, list) else ()
        keys = (one.get("value") for one in entries)
        found += [Secret(key) for key in keys if isinstance(key, str) and is_api_key(key)][:1]
    return tuple(found[:_MOST_KINDS])


def without_key(secrets: Mapping[str, Any], server_type: str) -> dict[str, Any]:
    """Return the secrets without stackctl's key for a kind of server: the server in use is external and needs none."""
    table = _in_lists(secrets)
    entries = _entries(key_name(server_type), table.get(key_name(server_type)))
    kept = [one for one in entries if not _is_ours(one)]
    return {**table, key_name(server_type): kept} if kept != entries else dict(secrets)


def active(entries: object) -> dict[str, Any] | None:
    """Return the entry that SillyTavern uses for a kind of server; None if there is none."""
    found = entries if isinstance(entries, list) else []
    return next((one for one in found if isinstance(one, dict) and one.get("active")), None)


def is_ours(entry: Mapping[str, Any]) -> bool:
    return entry.get("id") == ID


def _is_ours(entry: object) -> bool:
    return isinstance(entry, dict) and is_ours(entry)


def _in_lists(secrets: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the flat format of older versions, as SillyTavern does at its start, unless the file has a list."""
    if _MIGRATED in secrets or not secrets or any(isinstance(value, list) for value in secrets.values()):
        return dict(secrets)
    return {**{one: _entries(one, value) for one, value in secrets.items() if _entries(one, value)}, _MIGRATED: []}


def _entries(label: str, value: object) -> list[Any]:
    if isinstance(value, str) and value.strip():
        return [{"id": label, "value": value, "label": label, "active": True}]
    return value if isinstance(value, list) else []
