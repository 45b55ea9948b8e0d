"""Wake-on-LAN, by a real packet over a real socket."""

import socket
from ipaddress import IPv4Network

import pytest

from stackctl.effects.host import wake_on_lan
from stackctl.errors import NotReady

MAC = "01:23:45:67:89:aB"


@pytest.mark.parametrize("mac", [MAC, MAC.replace(":", "-")])
def test_the_magic_packet_arrives_by_broadcast(mac: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("", 0))
        listener.settimeout(10)
        # loopback's own broadcast address: nothing leaves this machine
        wake_on_lan.send(mac, ["127.255.255.255"], port=listener.getsockname()[1])
        packet = listener.recv(1024)
    assert packet == b"\xff" * 6 + bytes([0x01, 0x23, 0x45, 0x67, 0x89, 0xAB]) * 16


def test_a_packet_that_can_not_be_sent_is_an_expected_failure() -> None:
    with pytest.raises(NotReady, match=r"could not be sent to 127\.0\.0\.1"):
        wake_on_lan.send(MAC, ["127.0.0.1"], port=0)


LAN, VPN = IPv4Network("192.168.1.0/24"), IPv4Network("10.9.0.0/16")


def no_name(name: str) -> str:
    raise OSError(name)


def test_it_goes_into_the_network_of_the_sleeping_machine_alone() -> None:
    assert wake_on_lan.broadcasts("192.168.1.20", (LAN, VPN)) == ("192.168.1.255",)
    assert wake_on_lan.broadcasts("pc.lan", (LAN, VPN), resolve=lambda _: "10.9.3.4") == ("10.9.255.255",)


def test_it_goes_into_every_network_where_that_machines_is_not_known() -> None:
    assert wake_on_lan.broadcasts("pc.lan", (LAN, VPN), resolve=no_name) == ("10.9.255.255", "192.168.1.255")
    assert wake_on_lan.broadcasts("203.0.113.7", (LAN, VPN)) == ("10.9.255.255", "192.168.1.255")


def test_the_networks_of_this_machine_are_known_but_for_loopback() -> None:
    assert not [net for net in wake_on_lan.own_networks() if net.is_loopback]
