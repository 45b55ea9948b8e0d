"""The size of an image in its registry, before it is pulled. `docker buildx` asks for it, because it has all logins."""

import subprocess
from collections.abc import Mapping
from typing import Any, Final

from stackctl.contracts.json_table import parse_table
from stackctl.core.plan.images import repository

_PATIENCE_S = 15
# as the engine names them -> as images do: https://github.com/containerd/platforms
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i386": "386", "i686": "386"}


def packed_bytes(name: str, architecture: str) -> int | None:
    """Return the bytes of all layers of an image as they are sent; None if that can't be found out."""
    found = _manifest(name)
    if digest := choose_manifest(found, architecture):
        found = _manifest(f"{repository(name)}@{digest}")
    return size(found)


def choose_manifest(index: Mapping[str, Any], architecture: str) -> str:
    """Return the digest of the manifest for Linux on an architecture, from an index; "" if this is not an index."""
    wanted = _ARCHITECTURES.get(architecture, architecture)
    for one in index.get("manifests") or ():
        platform = one.get("platform") or {}
        if (platform.get("os"), platform.get("architecture")) == ("linux", wanted):
            return str(one.get("digest", ""))
    return ""


def size(manifest: Mapping[str, Any]) -> int | None:
    """Return the bytes of the layers that a manifest names; None if it names no layers or no sizes."""
    sizes = [layer.get("size") for layer in manifest.get("layers") or ()]
    return sum(sizes) if sizes and all(isinstance(one, int) for one in sizes) else None


def _manifest(name: str) -> Mapping[str, Any]:
    """Return the manifest, or the index of manifests, of an image; {} if buildx can't get it."""
    argv = ("docker", "buildx", "imagetools", "inspect", "--raw", name)
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=_PATIENCE_S)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return {}  # no docker, no buildx, no network: the pull itself will fail or check the room
    return parse_table(done.stdout) if not done.returncode else {}
