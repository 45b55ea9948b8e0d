"""Wake-on-LAN: send the magic packet into the sleeping machine's network."""

import socket
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network

from stackctl.effects.host.network import ip_interfaces
from stackctl.errors import NotReady

PORT = 9  # the discard port, as usual; network cards only look at the content


def own_networks() -> frozenset[IPv4Network]:
    """Return the networks that this machine is in, without loopback."""
    found = {one.network for several in ip_interfaces().values() for one in several}
    ours = {one for one in found if isinstance(one, IPv4Network)}
    return frozenset(one for one in ours if not one.is_loopback and one.prefixlen < 31)


def broadcasts(
    target: str, networks: Iterable[IPv4Network], *, resolve: Callable[[str], str] = socket.gethostbyname
) -> tuple[str, ...]:
    """Return the broadcast address of the network of `target` (a name or an address); those of all if it is in none.

    A router does not forward the packet, so a machine behind one will probably not wake up.
    """
    try:
        place = IPv4Address(resolve(target))
    except (OSError, ValueError):  # a name that is unknown while the machine sleeps, or an IPv6 address
        place = IPv4Address(0)
    near = [net for net in networks if place in net]
    return tuple(sorted(str(net.broadcast_address) for net in near or networks))


def wake_on_lan(mac: str, target: str) -> None:
    """Send the magic packet into the network of `target`; raise NotReady if it can't be sent."""
    send(mac, broadcasts(target, own_networks()))


def send(mac: str, addresses: Iterable[str], *, port: int = PORT) -> None:
    """Send the magic packet to these broadcast addresses."""
    packet = b"\xff" * 6 + bytes.fromhex(mac.replace(":", "").replace("-", "")) * 16
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        for address in addresses:
            try:
                sender.sendto(packet, (address, port))
            except OSError as e:
                raise NotReady(
                    f"Wake-on-LAN could not be sent to {address}: {e.strerror}",
                    hint="Check that this machine is in that network.",
                    issue="backend-elsewhere-unreachable",
                ) from e
