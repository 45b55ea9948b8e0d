"""Wake-on-LAN: the magic packet, sent where the sleeping machine can hear it."""

import socket
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network

from stackctl.effects.host.network import ip_interfaces
from stackctl.errors import NotReady

PORT = 9  # discard, as is usual; network cards look at the content alone


def own_networks() -> frozenset[IPv4Network]:
    """The networks that this machine is in, loopback left out."""
    found = {one.network for several in ip_interfaces().values() for one in several}
    ours = {one for one in found if isinstance(one, IPv4Network)}
    return frozenset(one for one in ours if not one.is_loopback and one.prefixlen < 31)


def broadcasts(
    target: str, networks: Iterable[IPv4Network], *, resolve: Callable[[str], str] = socket.gethostbyname
) -> tuple[str, ...]:
    """The broadcast address of the network that `target` (a name or an address) is in; of all where it is in none.

    A router does not pass the packet on, so of a machine behind one only luck wakes it up.
    """
    try:
        place = IPv4Address(resolve(target))
    except (OSError, ValueError):  # a name that nobody knows while it sleeps, or an IPv6 address
        place = IPv4Address(0)
    near = [net for net in networks if place in net]
    return tuple(sorted(str(net.broadcast_address) for net in near or networks))


def wake_on_lan(mac: str, target: str) -> None:
    """Send the magic packet into the network of `target`; raise NotReady where it can't be sent."""
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
                    f"Wake-on-LAN could not be sent to {address}: {e.strerror}", hint="is this machine in that network?"
                ) from e
