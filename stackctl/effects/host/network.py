"""The network of this machine: its interfaces, its routes, its ports."""

import socket
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Interface, ip_address, ip_interface
from pathlib import Path
from typing import Final

ROUTE_TABLE: Final = Path("/proc/net/route")
INTERFACES: Final = Path("/sys/class/net")
_IP: Final = (socket.AF_INET, socket.AF_INET6)
_CONNECT_S: Final = 2.0


def listening(address: str) -> dict[int, str]:
    """Return port -> a text that names its holder, for ports on which a new listener at `address` would collide."""
    import psutil

    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    everywhere = {"0.0.0.0", "::", "::ffff:0.0.0.0"}  # noqa: S104 - what others listen on
    found: dict[int, str] = {}
    for one in psutil.net_connections("tcp"):
        if one.status != psutil.CONN_LISTEN or not one.laddr:
            continue
        if one.laddr.ip == address or (one.laddr.ip in everywhere and (one.family == family or one.laddr.ip == "::")):
            found[one.laddr.port] = _process(one.pid)
    return found


def listeners(port: int) -> tuple[str, ...]:
    """Return the addresses of this machine on which a TCP port is open."""
    import psutil

    found = {
        one.laddr.ip.removeprefix("::ffff:")  # an IPv4 address in a socket for both versions
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port
    }
    return tuple(sorted(found))


def ip_interfaces() -> dict[str, tuple[IPv4Interface | IPv6Interface, ...]]:
    """Return the name of each network interface -> its addresses with their networks."""
    import psutil

    return {
        name: tuple(_ip_interface(one.address, one.netmask) for one in found if one.family in _IP)
        for name, found in psutil.net_if_addrs().items()
    }


def interfaces() -> dict[str, tuple[str, ...]]:
    """Return the same as texts: "192.168.1.5/24", "fd00::5/64"."""
    return {name: tuple(map(str, found)) for name, found in ip_interfaces().items()}


def bridges(net: Path = INTERFACES) -> frozenset[str]:
    """The bridges of this machine that join no network card: containers and virtual machines alone are in them."""
    with suppress(OSError):
        return frozenset(one.name for one in net.iterdir() if (one / "bridge").is_dir() and not _joins_card(one, net))
    return frozenset()


def _joins_card(interface: Path, net: Path) -> bool:
    """Whether there is a card, or a bond or VLAN upon one, below an interface.

    `device` and `lower_*`: https://www.kernel.org/doc/Documentation/ABI/testing/sysfs-class-net
    """
    lower = (net / one.name.removeprefix("lower_") for one in interface.glob("lower_*"))
    return (interface / "device").exists() or any(_joins_card(one, net) for one in lower)


def _ip_interface(address: str, mask: str | None) -> IPv4Interface | IPv6Interface:
    ip = ip_address(address.partition("%")[0])
    # psutil writes both kinds of masks as addresses, which ipaddress does not accept for IPv6
    bits = int(ip_address(mask)).bit_count() if mask else ip.max_prefixlen
    return ip_interface(f"{ip}/{bits}")


def _process(pid: int | None) -> str:
    import psutil

    if pid is None:
        return "another user's process (`sudo ss -ltnp` names it)"
    with suppress(psutil.Error):
        return f"{psutil.Process(pid).name()} (process {pid})"
    return f"process {pid}"


def addresses() -> tuple[str, ...]:
    """Return this machine's addresses except loopback and link-local ones (fe80::)."""
    found = (one.ip for several in ip_interfaces().values() for one in several)
    return tuple(dict.fromkeys(str(ip) for ip in found if not (ip.is_loopback or ip.is_link_local)))


def free_port() -> int:
    """Return an unused port of this machine; a process that asks at the same moment gets another one."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def is_open(address: str, port: int) -> bool:
    """Return whether a TCP connection from this machine succeeds within two seconds."""
    try:
        socket.create_connection((address, port), timeout=_CONNECT_S).close()
    except OSError:
        return False
    return True


def routes(table: Path = ROUTE_TABLE) -> tuple[IPv4Network, ...]:
    """Return every IPv4 network that this machine has a route to, without the default route."""
    return tuple(network for _, network, _ in _routes(table) if network.prefixlen)


def routes_by_interface(table: Path = ROUTE_TABLE) -> tuple[tuple[str, IPv4Network], ...]:
    """Return the same, each with the interface that it leads to."""
    return tuple((interface, network) for interface, network, _ in _routes(table) if network.prefixlen)


def default_gateway(table: Path = ROUTE_TABLE) -> str:
    """Return this machine's IPv4 gateway; "" if it has no default route."""
    return next((str(gateway) for _, network, gateway in _routes(table) if not network.prefixlen), "")


def _routes(table: Path) -> list[tuple[str, IPv4Network, IPv4Address]]:
    """Return interfaces with the networks that they lead to, and their gateways, as the kernel shows them."""
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:  # not Linux, so the engine runs elsewhere
        return []
    found = []
    for line in lines:
        fields = line.split()
        network, gateway, mask = (socket.ntohl(int(fields[i], 16)) for i in (1, 2, 7))
        found.append((fields[0], IPv4Network((network, mask.bit_count())), IPv4Address(gateway)))
    return found
