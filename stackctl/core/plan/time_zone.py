"""The time zone of the containers: the machine's, so that dates in chats and logs match the clock on the wall.

It is set by TZ, which node and Python read: node has its own table of zones; an image without one stays at UTC.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from stackctl.contracts.service import Service
from stackctl.core.config.lock import Decisions, Lock, is_text
from stackctl.core.hub import store
from stackctl.core.observed import Observed
from stackctl.core.plan import images

KEY: Final = "time_zone"
_DEFAULT: Final = frozenset({"", "UTC", "Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu"})


def choose_zone(seen: Observed, recorded: Lock, decisions: Decisions) -> str:
    """Return the zone that is set, such as Europe/Berlin; "" for none, which means UTC.

    It is decided once, so that a travelling machine recreates no container. A stack from before this setting keeps its
    containers, too, until --replan decides it.
    """
    kept = (store.is_key(key) or images.is_image(key, one.value) for key, one in recorded.decisions.items())
    is_older = bool(recorded.rendered) and not all(kept)  # --replan leaves those alone
    if KEY not in recorded.decisions and (is_older or seen.time_zone in _DEFAULT):
        return ""
    return decisions.decide(KEY, {}, lambda: seen.time_zone, known=is_text)


def in_zone(services: Iterable[Service | None], zone: str) -> tuple[Service, ...]:
    """Return the services (without None) with that zone."""
    told = {"TZ": zone} if zone else {}
    return tuple(replace(one, environment={**one.environment, **told}) for one in services if one)
