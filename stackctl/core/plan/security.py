"""What of the rendered file is a matter of security: a stack from before it gets it with its next plain deploy.

A compose.yml that another version of stackctl wrote stays while its inputs are the same, and NAMES is one of them.
Whoever shuts a door in the rendered file adds a name and a sentence here; nothing else makes an older stack take it.
stack.lock records which of them its compose.yml has, so that a deploy can say those that are new to it.
"""

from collections.abc import Sequence
from typing import Final

from stackctl.contracts.service import Network, Service
from stackctl.core.config.lock import Lock

RECORD: Final = "security"  # the key in the lock's `rendered`: their names, with blanks between
HOST_NAMES, _ORIGINS, _GATEWAY, _PROCESSES = NAMES = ("host-names", "origins", "gateway", "processes")


def measures(services: Sequence[Service], networks: Sequence[Network]) -> dict[str, str]:
    """Return those that this stack has: name -> what it does, for people; "" where that is said elsewhere."""
    limits = ", ".join(f"{one.name} {one.pids}" for one in services)
    found = {
        HOST_NAMES: "",  # core/plan/host_names.py lists the names
        _ORIGINS: "no web page of another origin may read from SillyTavern (`cors` in its config.yaml counts no more)",
        _PROCESSES: f"each container has a limit of processes and threads ({limits})",
    }
    if any(one.is_isolated for one in networks):
        found[_GATEWAY] = "the backend no longer reaches what listens on this machine, by its network's gateway"
    return found


def recorded_measures(recorded: Lock) -> tuple[str, ...]:
    """Return the names of those that the recorded compose.yml has; () where there is none."""
    return tuple(recorded.rendered.get(RECORD, "").split())


def notes(found: dict[str, str], recorded: Lock) -> tuple[str, ...]:
    """Say what is new to the compose.yml that is there; () where there is none yet."""
    if not recorded.rendered:
        return ()
    new = (says for name, says in found.items() if says and name not in recorded_measures(recorded))
    return tuple(f"new, for security: {says}" for says in new)
