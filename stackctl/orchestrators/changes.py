"""The changes that an orchestrator would make to each container, by the hashes that it compares."""

from collections.abc import Mapping
from typing import Any

from stackctl.core.observed import ContainerSeen, ServiceState
from stackctl.core.plan.change import Change

_STOPPED = frozenset({"created", "exited", "dead"})


def changes(
    containers: tuple[ContainerSeen, ...],
    states: Mapping[str, ServiceState],
    hashes: Mapping[str, str],
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    *,
    otherwise: str,
) -> tuple[Change, ...]:
    """Return the changes by service, removals first; a container that runs and stays as it is has none.

    `hashes`: service -> the hash that the new file gives it. `old`, `new`: the services of both files, which tell why;
    `otherwise`: the reason if they do not.
    """
    running = {one.service: one.config_hash for one in containers}
    stopped = {name for name, state in states.items() if state.state in _STOPPED}
    found = [
        Change(service=name, action="remove", reason="it is no longer part of the stack")
        for name in sorted(running.keys() - hashes.keys())
    ]
    for name in sorted(hashes):
        changed = _changed(old.get(name, {}), new.get(name, {}))
        if name not in running:
            why = (
                f"it has no container now; {changed or 'its settings stay'}" if name in old else "it does not exist yet"
            )
            found.append(Change(service=name, action="create", reason=why))
        elif running[name] != hashes[name]:
            why = changed or otherwise
            found.append(
                Change(service=name, action="recreate", reason=why + "; it is stopped now" * (name in stopped))
            )
        elif name in stopped:
            found.append(Change(service=name, action="start", reason="it is stopped; its settings stay"))
    return tuple(found)


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return which settings of a service differ, in words; "" where none does."""
    keys = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    return f"changed: {', '.join(keys)}" if keys else ""
