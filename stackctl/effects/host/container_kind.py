"""The container that this system is: one of a whole system, such as LXC's, or one of an engine.

Sources: https://systemd.io/CONTAINER_INTERFACE (/run/systemd/container); lxcfs, which LXD, Incus and Proxmox mount
over files of /proc; systemd's src/basic/virt.c (/.dockerenv, /run/.containerenv).
"""

from pathlib import Path

_LONGEST = 40
_ENGINES = (("run/.containerenv", "podman"), (".dockerenv", "docker"))


def container_kind(root: Path = Path("/")) -> str:
    """Return the kind, as lxc or systemd-nspawn; "" on a machine."""
    said = _text(root / "run/systemd/container")[:_LONGEST].strip()
    if said and said.isascii() and said.replace("-", "").isalnum():
        return said
    if engine := next((kind for name, kind in _ENGINES if (root / name).exists()), ""):
        return engine
    return "lxc" if " fuse.lxcfs " in _text(root / "proc/self/mountinfo") else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
