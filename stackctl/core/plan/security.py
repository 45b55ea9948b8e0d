"""The security measures of a rendered file: an older stack gets new ones with its next plain deploy.

A compose.yml of another version of stackctl stays while its inputs are the same, and NAMES is one of them. A change
that closes a hole in the rendered file must add a name and a sentence here; nothing else makes older stacks take it.
stack.lock records the measures of its compose.yml, so that a deploy can name the new ones.
"""

from collections.abc import Sequence
from typing import Final

from stackctl.contracts.service import Network, Service
from stackctl.core.config.lock import Lock

RECORD: Final = "security"  # the key in the lock's `rendered`: their names, separated by spaces
HOST_NAMES, _ORIGINS, _GATEWAY, _PROCESSES = NAMES = ("host-names", "origins", "gateway", "processes")


def measures(services: Sequence[Service], networks: Sequence[Network]) -> dict[str, str]:
    """Return the measures of this stack: name -> what it does, for people; "" if another note says it."""
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
    """Return the names of the measures in the recorded compose.yml; () if there is none."""
    return tuple(recorded.rendered.get(RECORD, "").split())


def notes(found: dict[str, str], recorded: Lock) -> tuple[str, ...]:
    """Return notes about the measures that are new to the existing compose.yml; () if there is none yet."""
    if not recorded.rendered:
        return ()
    new = (says for name, says in found.items() if says and name not in recorded_measures(recorded))
    return tuple(f"new, for security: {says}" for says in new)
