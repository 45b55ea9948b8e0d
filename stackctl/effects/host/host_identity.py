"""This machine in its network: its names, its addresses, and the Windows that hosts WSL."""

import platform
import re
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from stackctl.core.observed import HostIdentity
from stackctl.effects.host import network

_NOWHERE: Final = "192.0.2.1"  # RFC 5737; no packet is sent, the kernel only chooses the source address
_WAIT_S: Final = 2.0


def is_wsl(release: str = platform.release()) -> bool:
    """Return whether this Linux runs under Windows (WSL), which shares its GPU with it."""
    return "microsoft" in release.lower()


def host_identity(
    gateway: str,
    *,
    release: str = platform.release(),
    route: Path = network.ROUTE_TABLE,
    resolv: Path = Path("/etc/resolv.conf"),
    resolve: Callable[[str], str] = socket.gethostbyname,
) -> HostIdentity:
    """Return the names and addresses of this machine, and how a container may reach it.

    `gateway`: of the engine's default bridge.
    """
    name, beside_windows = socket.gethostname(), is_wsl(release)
    return HostIdentity(
        names=(name,) if name else (),
        addresses=_own_addresses(),
        gateway=gateway,
        is_wsl=beside_windows,
        windows=_windows(name, route, resolv, resolve) if beside_windows else (),
    )


def _own_addresses() -> tuple[str, ...]:
    found = [one.ip for several in network.ip_interfaces().values() for one in several]
    ours = [str(ip) for ip in found if ip.version == 4 and not ip.is_loopback]
    return tuple(dict.fromkeys(one for one in (_way_out(), *ours) if one))


def _way_out() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((_NOWHERE, 9))
        except OSError:  # this machine has no default route
            return ""
        return str(probe.getsockname()[0])


def _windows(name: str, route: Path, resolv: Path, resolve: Callable[[str], str]) -> tuple[str, ...]:
    """Return addresses that may be those of Windows: WSL's gateway, its name server, and Windows's own in its LAN.

    https://learn.microsoft.com/windows/wsl/networking
    """
    found = [network.default_gateway(route), *_name_servers(resolv), _lan(f"{name.partition('.')[0]}.local", resolve)]
    return tuple(dict.fromkeys(one for one in found if one))


def _name_servers(resolv: Path) -> list[str]:
    try:
        text = resolv.read_text(errors="replace")
    except OSError:
        return []
    return re.findall(r"^nameserver\s+(\d+(?:\.\d+){3})\s*$", text, re.MULTILINE)


def _lan(name: str, resolve: Callable[[str], str]) -> str:
    """Return the address of Windows's own name; a thread limits the time, which resolving does not."""
    found: list[str] = []

    def look_up() -> None:
        try:
            found.append(resolve(name))
        except OSError:
            return

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(_WAIT_S)
    return found[0] if found else ""
