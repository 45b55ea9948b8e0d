"""The container of a whole system that this one is, such as one of LXC.

Sources: https://systemd.io/CONTAINER_INTERFACE (/run/systemd/container); lxcfs, which LXD, Incus and Proxmox mount
over files of /proc.
"""

from pathlib import Path

_LONGEST = 40


def container_kind(root: Path = Path("/")) -> str:
    """Return the kind, as lxc or systemd-nspawn; "" on a machine."""
    said = _text(root / "run/systemd/container")[:_LONGEST].strip()
    if said and said.isascii() and said.replace("-", "").isalnum():
        return said
    return "lxc" if " fuse.lxcfs " in _text(root / "proc/self/mountinfo") else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
