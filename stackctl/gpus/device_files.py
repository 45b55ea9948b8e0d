"""Device files of GPUs, and the groups that may open them.

Sources: docs/docker.md of ggml-org/llama.cpp (single nodes instead of /dev/dri; groups by number, as the images have
none of these names); docs/source/markdown/options of containers/podman (device, group-add: "keep-groups").
"""

from collections.abc import Iterator
from typing import Final

from stackctl.contracts.cause import Cause
from stackctl.contracts.gpu_trial import Inside, Lack
from stackctl.contracts.host import Gpu
from stackctl.contracts.service import GpuRequest
from stackctl.gpus.contract import Offer

EVERY_NODE: Final = "/dev/dri"
_KEEP: Final = "keep-groups"


def nodes(gpus: tuple[Gpu, ...]) -> tuple[str, ...]:
    """Return the GPUs' render nodes; the folder of them all if they are not visible from here."""
    return tuple(gpu.node for gpu in gpus if gpu.node) or (EVERY_NODE,)


def groups(gpus: tuple[Gpu, ...], offer: Offer | None) -> tuple[str, ...]:
    """Return the groups that a container needs to open the GPUs' device files; () if none, or if they are unknown."""
    needed = sorted({group for gpu in gpus for group in gpu.groups})
    if offer and offer.is_rootless:
        return (_KEEP,) if offer.keeps_groups and (needed or not gpus) else ()
    return tuple(map(str, needed))


def count(request: GpuRequest, gpus: tuple[Gpu, ...]) -> int:
    """Return how many GPUs a request brings, at least 1; gpus: those of this machine that it may mean."""
    if EVERY_NODE in request.files:
        return max(1, len(gpus))
    return max(1, sum(one.startswith(EVERY_NODE) for one in request.files))


def are_given(request: GpuRequest, devices: tuple[str, ...]) -> bool:
    """Return whether a container has the requested device files; devices: the paths of those inside it."""
    return all(one in devices for one in request.files if one.startswith("/"))


def describe_way(request: GpuRequest, inside: Inside | None) -> str:
    """Return by which way the engine gives the GPUs, for Make.describe_way."""
    del inside
    return f"by the driver {request.driver}" if request.driver else "as device files"


def find_lack(request: GpuRequest, inside: Inside, expected: int | None) -> Lack | None:
    """Return None, for Make.find_lack: the requested device files show all that there is to see."""
    del request, inside, expected
    return None


def remarks(mode: str, request: GpuRequest, gpus: tuple[Gpu, ...], offer: Offer | None) -> Iterator[str]:
    """Yield what is not known, or not tried, about a GPU that is given by device files."""
    yield f'gpu.mode = "{mode}" follows the documentation; stackctl\'s authors have not run it on such a GPU'
    if not gpus and _KEEP not in request.groups:
        yield (
            "the groups that may open the GPU's device files are not known from here; if the backend finds no GPU, add "
            "their numbers (`stat -c %g /dev/dri/renderD128`) as group_add to compose.override.yml"
        )
    if offer and offer.is_rootless:
        needed = sorted({group for gpu in gpus for group in gpu.groups})
        kept = f"its user's groups are left to the container ({_KEEP}), which its runtime crun can do"
        closed = f"its containers have no group of this machine, and {_listed(gpus)} may be opened by group "
        if request.groups:
            yield f"this engine is rootless: {kept}; its user must be in the group of /dev/dri/renderD*"
        elif needed:
            yield f"this engine is rootless: {closed}{', '.join(map(str, needed))} alone"
    for gpu in gpus:
        if gpu.is_unified:
            yield f"{gpu.name} shares the machine's memory: how many layers it takes is decided by the backend"


def _listed(gpus: tuple[Gpu, ...]) -> str:
    return ", ".join(nodes(gpus))


def lost(node: str) -> Cause:
    """Return the cause of a health check that could not open a device file."""
    return Cause(
        says=f"it can't use the GPU: its container can't open {node}",
        hint=f"Run `stackctl restart`, and check with `ls -ln {node}` that its group is one of the container's.",
        kind="gpu",
        issue="gpu-not-in-container",
        source="https://rocm.docs.amd.com/projects/install-on-linux/en/latest/how-to/docker.html",
    )
