"""In which time zone the containers run: in that of the machine, so that dates in chats and logs are those of the wall.

By TZ, which node and Python know: node brings its own table of zones, and an image without one stays at UTC.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from stackctl.contracts.service import Service
from stackctl.core.config.lock import Decisions, Lock, is_text
from stackctl.core.hub import store
from stackctl.core.observed import Observed

KEY: Final = "time_zone"
_DEFAULT: Final = frozenset({"", "UTC", "Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu"})


def choose_zone(seen: Observed, recorded: Lock, decisions: Decisions) -> str:
    """Return the zone that is set, such as Europe/Berlin; "": none, so it is UTC.

    Decided once: a machine on a journey recreates no container. A stack that was rendered before there was this keeps
    its containers, too; --replan decides it there.
    """
    is_older = bool(recorded.rendered) and any(not store.is_key(key) for key in recorded.decisions)
    if KEY not in recorded.decisions and (is_older or seen.time_zone in _DEFAULT):
        return ""
    return decisions.decide(KEY, {}, lambda: seen.time_zone, known=is_text)


def in_zone(services: Iterable[Service | None], zone: str) -> tuple[Service, ...]:
    """Those services that there are, as they run in that zone."""
    told = {"TZ": zone} if zone else {}
    return tuple(replace(one, environment={**one.environment, **told}) for one in services if one)
