"""What the container engine logs and answers, and what the system around it logs."""

from typing import Final

from stackctl.contracts.cause import Cause
from stackctl.contracts.signature import ProgramLog, Signature
from stackctl.core.engine.containers import CONTAINERS
from stackctl.core.engine.daemon import DAEMON, HOST
from stackctl.core.engine.images import IMAGES
from stackctl.core.engine.limits import LIMITS
from stackctl.core.gpu.refusals import REFUSALS

# the pieces that one of stands in every refusal of a GPU
_GPU: Final = ("nvidia", "cdi", "gpu", "device", "bpf_cgroup", "cgroup", "ldconfig", "ldcache", "nvml", "mount")
_LAST: Final = len(REFUSALS) - 1
_REFUSED: Final = tuple(
    Signature(
        marks=_GPU,
        pattern=f"(?:{one.pattern})",
        cause=Cause(
            says=one.says,
            hint=one.hint,
            kind="gpu",
            is_generic=number == _LAST,
            issue=one.issue,
            source=one.source,
        ),
    )
    for number, one in enumerate(REFUSALS)
)
LOG: Final = ProgramLog(
    program="the container engine",
    own=(
        "dockerd", "containerd", "Error response from daemon", "level=error msg=", "level=warning msg=",
        "level=info msg=", "level=fatal msg=", "OCI runtime", "docker.service", "Docker daemon", "docker: ",
        "Docker Application Container Engine", "nvidia-container-cli",
        "failed to register layer",
    ),
    begins=("msg=\"Starting up\"", "Starting up", "Starting Docker Application Container Engine"),
    ready=("API listen on", "Started Docker Application Container Engine", "Daemon has completed initialization"),
    harmless=(
        "following graceful shutdown", "level=info",
        "ignoring event", "cleaning up after shim disconnected", "failed to close stdin", "swap limit",
        "configured logging driver", "Error (Unable to complete atomic operation",
        "error waiting for container: context canceled", "CDI setup error", "WARNING: No ", "blkio",
        "has been deprecated", "skip loading plugin", "Could not get operating system name", "Deprecated",
        "failed to load plugin", "could not use snapshotter", "cleaning up dead shim", "plugin refcount",
        "unexpected HTTP error handling", "ShouldRestart failed", "Configuration migrated", "could not change group",
        "returned error: No such",
    ),
    is_around=True,
    signatures=(*_REFUSED, *DAEMON, *LIMITS, *CONTAINERS, *IMAGES),
)  # fmt: skip
SYSTEM_LOG: Final = ProgramLog(program="the system", signatures=HOST, is_around=True)
