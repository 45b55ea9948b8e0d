"""The engine's messages about limits of memory and processors."""

from typing import Final

from stackctl.contracts.cause import Cause
from stackctl.contracts.signature import Signature

_MOBY: Final = "moby/moby: daemon/daemon_unix.go"
LIMITS: Final = (
    Signature(
        marks=("Minimum memory limit allowed",),
        cause=Cause(
            says="a limit on memory is lower than the engine allows",
            hint="Raise it: `mem_limit` in the Compose file, or under [limits] in stack.toml.",
            kind="config",
            issue="settings-wrong",
            source=_MOBY,
        ),
    ),
    Signature(
        marks=("NanoCPUs can not be set",),
        cause=Cause(
            says="this kernel can't limit CPUs",
            hint="Remove the limits on CPUs from the Compose file, or from [limits] in stack.toml.",
            kind="config",
            issue="cgroup-limits-missing",
            source=_MOBY,
        ),
    ),
    Signature(
        marks=("Error: statfs ", "empty section between colons", "is not shared from the host"),
        cause=Cause(
            says="a folder to mount does not exist, is not shared with the engine, or has an empty name",
            hint="Check the path of the mount; a variable in it may be empty.",
            kind="config",
            issue="folder-not-seen",
            source="https://docs.docker.com/engine/storage/bind-mounts/",
        ),
    ),
)
