"""What a restart of the engine does to the containers that run on it.

Source: https://docs.docker.com/engine/daemon/live-restore.
"""

from typing import TYPE_CHECKING, Final

from stackctl.core.observed import RunningContainer
from stackctl.effects.docker.client import translate_errors

if TYPE_CHECKING:
    from stackctl.effects.docker.engine import Engine

_TASK: Final = "com.docker.swarm.task.id"
_RETURN: Final = frozenset({"always", "unless-stopped"})  # after a stop by the daemon on-failure does not


def stopped_by_restart(engine: "Engine") -> tuple[RunningContainer, ...]:
    """Return the containers, of all users, that a restart of the engine stops; () if it has live restore."""
    if engine.info.get("LiveRestoreEnabled"):
        return ()
    with translate_errors("docker ps failed"):
        listed = engine.client.api.containers()
        return tuple(
            RunningContainer(
                name=str((one.get("Names") or [one["Id"][:12]])[0]).lstrip("/"), returns=_returns(engine, one["Id"])
            )
            for one in listed
        )


def _returns(engine: "Engine", container: str) -> bool:
    import docker.errors

    try:
        found = engine.client.api.inspect_container(container)
    except docker.errors.NotFound:  # it has ended
        return False
    if _TASK in (found["Config"].get("Labels") or {}):  # Swarm makes another one in its place
        return True
    policy = (found["HostConfig"].get("RestartPolicy") or {}).get("Name")
    return policy in _RETURN
