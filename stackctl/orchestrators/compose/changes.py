"""What Compose would do to each container, by the hashes that it compares."""

from collections.abc import Mapping
from typing import Any

from stackctl.core.plan.change import Change


def changes(
    running: Mapping[str, str], hashes: Mapping[str, str], old: Mapping[str, Any], new: Mapping[str, Any]
) -> tuple[Change, ...]:
    """The changes by service, those that go first.

    `running`: service -> its container's hash; `hashes`: service -> the hash that the new file gives it; `old`, `new`:
    the services of both files, which tell why.
    """
    found = [
        Change(service=name, action="remove", why="it is no longer part of the stack")
        for name in sorted(running.keys() - hashes.keys())
    ]
    for name in sorted(hashes):
        if name not in running:
            found.append(Change(service=name, action="create", why="it does not exist yet"))
        elif running[name] != hashes[name]:
            before, after = old.get(name, {}), new.get(name, {})
            keys = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
            why = ", ".join(keys) if keys else "compose.override.yml, a change by hand, or a deploy that did not end"
            found.append(Change(service=name, action="recreate", why=f"changed: {why}"))
    return tuple(found)
