"""The machine around the engine: its processor, its GPUs (NVML), its ports and its networks."""

import socket
from contextlib import suppress
from ipaddress import IPv4Network, ip_address
from pathlib import Path

_CONNECT_S = 2.0


def listening(address: str) -> dict[int, str]:
    """Ports on which a new listener at `address` would collide, with the holder in words where we may know it."""
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
    """The addresses of this machine on which a TCP port is open."""
    import psutil

    found = {
        one.laddr.ip.removeprefix("::ffff:")  # an IPv4 address in a socket for both
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port
    }
    return tuple(sorted(found))


def interfaces() -> dict[str, tuple[str, ...]]:
    """The addresses of this machine with their networks, by interface: "192.168.1.5/24", "fd00::5/64"."""
    import psutil

    found: dict[str, tuple[str, ...]] = {}
    for name, addresses in psutil.net_if_addrs().items():
        texts = []
        for one in addresses:
            if one.family in {socket.AF_INET, socket.AF_INET6} and one.netmask:
                address = ip_address(one.address.partition("%")[0])
                # psutil writes both kinds of masks as addresses
                bits = int(ip_address(one.netmask)).bit_count()
                texts.append(f"{address}/{bits}")
        found[name] = tuple(texts)
    return found


def _process(pid: int | None) -> str:
    import psutil

    if pid is None:
        return "another user's process (sudo ss -ltnp names it)"
    with suppress(psutil.Error):
        return f"{psutil.Process(pid).name()} (process {pid})"
    return f"process {pid}"


def addresses() -> tuple[str, ...]:
    """This machine's addresses but for loopback and those that only count on one link (fe80::)."""
    import psutil

    families = {socket.AF_INET, socket.AF_INET6}
    found = (one.address for all_ in psutil.net_if_addrs().values() for one in all_ if one.family in families)
    return tuple(
        dict.fromkeys(
            a for a in found if "%" not in a and not (ip_address(a).is_loopback or ip_address(a).is_link_local)
        )
    )


def free_port() -> int:
    """A port of this machine that nobody uses, and that nobody who asks at the same moment is given, too."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def is_open(address: str, port: int) -> bool:
    """Whether a TCP connection from this machine comes about within two seconds."""
    try:
        socket.create_connection((address, port), timeout=_CONNECT_S).close()
    except OSError:
        return False
    return True


def routes(table: Path = Path("/proc/net/route")) -> tuple[IPv4Network, ...]:
    """Every IPv4 network that this machine has a route to, the default route left out."""
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:  # no Linux here, so the engine runs elsewhere
        return ()
    found = []
    for line in lines:
        fields = line.split()
        destination, mask = (int.from_bytes(bytes.fromhex(fields[i]), "little") for i in (1, 7))
        if mask:
            found.append(IPv4Network((destination, mask.bit_count())))
    return tuple(found)
