"""The way to the container engine, as it is found before the engine is asked anything but whether it is there."""

from dataclasses import dataclass
from typing import Literal

# missing: no socket or no server is there; refused: a socket is there, and no program listens; permission: it may not
# be opened; silent: it accepts and does not answer; elsewhere: of another machine, by SSH; context: the current context
# can't be read; unknown: an address of a kind, or an answer, that no engine has
LinkFailure = Literal["", "missing", "refused", "permission", "silent", "elsewhere", "context", "unknown"]
LinkSource = Literal["default", "DOCKER_HOST", "context"]


@dataclass(frozen=True, kw_only=True)
class EngineLink:
    """Where the engine should be, and whether something answers there.

    address: as unix:///var/run/docker.sock; context: the name of the current Docker context; socket: the path of its
    socket, "" if it has none; says: the system's or the server's own words for a failure.
    """

    address: str
    source: LinkSource = "default"
    context: str = ""
    socket: str = ""
    failure: LinkFailure = ""
    says: str = ""
