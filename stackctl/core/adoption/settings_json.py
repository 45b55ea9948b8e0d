"""An adopted settings.json: the settings that the next deploy may change, and connection profiles for a container.

Source: SillyTavern 1.19.0, public/scripts/extensions/connection-manager.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stackctl.contracts.json_table import table_or_empty
from stackctl.core.external import backend_url


@dataclass(frozen=True, kw_only=True)
class Reachable:
    """Settings with copies of the connection profiles that point to this machine. added: the names of the copies."""

    settings: Mapping[str, Any]
    added: tuple[str, ...]


def hand_over(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the connection in the settings as an overlay by stackctl, so that the next deploy may change it."""
    text = table_or_empty(settings.get("textgenerationwebui_settings"))
    power = table_or_empty(settings.get("power_user"))
    return {
        "firstRun": settings.get("firstRun"),
        "main_api": settings.get("main_api"),
        "textgenerationwebui_settings": {
            "type": text.get("type"),
            "server_urls": dict(table_or_empty(text.get("server_urls"))),
        },
        "power_user": {"auto_connect": power.get("auto_connect")},
    }


def reach_backend(settings: Mapping[str, Any], is_here: Callable[[str], bool]) -> Reachable:
    """Add a copy of each profile whose URL means this machine, with a URL that means it inside a container."""
    extensions = table_or_empty(settings.get("extension_settings"))
    connections = table_or_empty(extensions.get("connectionManager"))
    profiles = connections.get("profiles")
    if not isinstance(profiles, list):
        return Reachable(settings=settings, added=())
    copies = [_copy(one) for one in profiles if isinstance(one, dict) and _means_host(one.get("api-url"), is_here)]
    known = {one.get("id") for one in profiles if isinstance(one, dict)}
    copies = [one for one in copies if one["id"] not in known]
    if not copies:
        return Reachable(settings=settings, added=())
    connections = {**connections, "profiles": [*profiles, *copies]}
    changed = {**settings, "extension_settings": {**extensions, "connectionManager": connections}}
    return Reachable(settings=changed, added=tuple(str(one["name"]) for one in copies))


def _means_host(url: object, is_here: Callable[[str], bool]) -> bool:
    return (
        isinstance(url, str) and backend_url.is_url(url) and backend_url.host(url) != backend_url.HOST and is_here(url)
    )


def _copy(profile: Mapping[str, Any]) -> dict[str, Any]:
    url = backend_url.renamed(profile["api-url"], backend_url.HOST)
    return {
        **profile,
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{profile.get('id')} {url}")),  # the same at every adoption
        "name": f"{profile.get('name', 'profile')} (from the container)",
        "api-url": url,
    }
