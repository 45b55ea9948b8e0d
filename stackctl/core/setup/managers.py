"""Package managers: the programs that refresh, install and list packages.

Sources: apt-get(8), dpkg-query(1) (https://manpages.debian.org); dnf (https://dnf5.readthedocs.io); zypper(8)
(https://en.opensuse.org/SDB:Zypper_manual); pacman(8) (https://man.archlinux.org/man/pacman.8); apk
(https://wiki.alpinelinux.org/wiki/Alpine_Package_Keeper).
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal

from stackctl.contracts.repair import RunProgram

Manager = Literal["apt", "dnf", "zypper", "pacman", "apk"]
# no question of a package, such as of needrestart, could be seen; nothing that is there gives way to a new package
_INSTALLS: Final[Mapping[Manager, tuple[str, ...]]] = MappingProxyType(
    {
        "apt": (
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "install",
            "--yes",
            "--no-remove",
            "--no-install-recommends",
        ),
        "dnf": ("dnf", "install", "--assumeyes"),
        "zypper": ("zypper", "--non-interactive", "install"),
        "pacman": ("pacman", "-S", "--needed", "--noconfirm"),
        "apk": ("apk", "add"),
    }
)
# those that don't refresh their lists themselves before they install
_REFRESHES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"apt": ("apt-get", "update"), "apk": ("apk", "update")}
)
_LISTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "apt": ("dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package}\\n"),
        "dnf": ("rpm", "--query", "--all", "--queryformat", "installed %{NAME}\\n"),
        "zypper": ("rpm", "--query", "--all", "--queryformat", "installed %{NAME}\\n"),
        "pacman": ("pacman", "--query", "--quiet"),
        "apk": ("apk", "info"),
    }
)


def refresh(manager: Manager) -> tuple[RunProgram, ...]:
    """Return what has a package manager read its repositories again."""
    argv = _REFRESHES.get(manager)
    return (RunProgram(argv=argv),) if argv else ()


def install(manager: Manager, packages: Sequence[str]) -> RunProgram:
    """Return the program that installs packages without a question."""
    return RunProgram(argv=(*_INSTALLS[manager], *packages))


def listing(manager: str) -> tuple[str, ...]:
    """Return the program that lists the installed packages; () for no manager."""
    return _LISTS.get(manager, ())


def installed(said: str) -> frozenset[str]:
    """Return the names of installed packages from what the listing program printed."""
    lines = (line.split() for line in said.splitlines())
    return frozenset(words[-1] for words in lines if len(words) == 1 or words[:1] == ["installed"])
