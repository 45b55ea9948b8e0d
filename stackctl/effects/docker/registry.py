"""What a registry says of an image before it is pulled: its size. Asked by `docker buildx`, which knows all logins."""

import subprocess
from collections.abc import Mapping
from typing import Any, Final

from stackctl.contracts.json_table import parse_table
from stackctl.core.plan.images import repository

_PATIENCE_S = 15
# as the engine names them -> as images do: https://github.com/containerd/platforms
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i386": "386", "i686": "386"}


def packed_bytes(name: str, architecture: str) -> int | None:
    """Bytes of all layers of an image as they are sent; None where that can't be known beforehand."""
    found = _manifest(name)
    if digest := choose_manifest(found, architecture):
        found = _manifest(f"{repository(name)}@{digest}")
    return size(found)


def choose_manifest(index: Mapping[str, Any], architecture: str) -> str:
    """The digest of the manifest for Linux on an architecture, in a list of several; "" where it is no such list."""
    wanted = _ARCHITECTURES.get(architecture, architecture)
    for one in index.get("manifests") or ():
        platform = one.get("platform") or {}
        if (platform.get("os"), platform.get("architecture")) == ("linux", wanted):
            return str(one.get("digest", ""))
    return ""


def size(manifest: Mapping[str, Any]) -> int | None:
    """Bytes of the layers that a manifest names; None where it names none, or not their sizes."""
    sizes = [layer.get("size") for layer in manifest.get("layers") or ()]
    return sum(sizes) if sizes and all(isinstance(one, int) for one in sizes) else None


def _manifest(name: str) -> Mapping[str, Any]:
    """The manifest, or list of manifests, of an image; {} where it is not to be had this way."""
    argv = ("docker", "buildx", "imagetools", "inspect", "--raw", name)
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=_PATIENCE_S)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return {}  # no docker, no buildx, no network: the pull itself will tell, and be stopped in time
    return parse_table(done.stdout) if not done.returncode else {}
