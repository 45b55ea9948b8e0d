"""`status` as JSON."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stackctl.commands.status import BackendElsewhere, Status
    from stackctl.report.contract import stack


def status_values(now: "Status") -> "stack.Status":
    """What runs, how well, and why something does not."""
    troubles = {one.service: one for one in now.troubles}
    services: list[stack.Service] = [
        {
            "name": one.name,
            "state": one.state,
            "health": one.health or None,
            "restarts": one.restarts,
            "image": one.image or None,
            "problem": troubles[one.name].problem if one.name in troubles else None,
            "hint": troubles[one.name].hint if one.name in troubles else None,
        }
        for one in now.services
    ]
    services += [
        {
            "name": name,
            "state": "missing",
            "health": None,
            "restarts": None,
            "image": None,
            "problem": None,
            "hint": None,
        }
        for name in now.missing
    ]
    unfinished = troubles.get("")
    return {
        "version": 1,
        "name": now.name,
        "ready": now.is_ready,
        "url": now.url or None,
        "services": services,
        "backend": _backend(now.backend) if now.backend else None,
        "unfinished": {"problem": unfinished.problem, "hint": unfinished.hint} if unfinished else None,
    }


def _backend(found: "BackendElsewhere") -> "stack.Elsewhere":
    return {
        "title": found.title,
        "url": found.url,
        "model": found.model or None,
        "problem": found.problem or None,
        "hint": found.hint or None,
    }
