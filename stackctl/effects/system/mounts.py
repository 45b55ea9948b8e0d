"""The mount that holds a path."""

from contextlib import suppress
from pathlib import Path
from typing import Final

_MOUNTS: Final = Path("/proc/self/mounts")


def mount_of(place: Path, mounts: Path = _MOUNTS) -> tuple[str, str]:
    """Return the mount point that holds a path, and its file system; ("", "") if that can't be read."""
    best = ("", "")
    with suppress(OSError):
        real = place.resolve()
        for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
            _device, point, kind, *_ = [*line.split(" "), "", "", ""]
            point = point.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
            if len(point) >= len(best[0]) and real.is_relative_to(point):
                best = (point, kind)
    return best
