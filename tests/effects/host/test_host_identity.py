"""This machine among its neighbours: names and addresses for real, WSL by what its files and names say."""

import socket
import threading
from pathlib import Path

from stackctl.effects.host import network as host_network
from stackctl.effects.host.host_identity import host_identity

ROUTES = (
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n"
    "eth0\t0014A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\n"
    "eth0\t00000000\t010014AC\t0003\t0\t0\t0\t00000000\n"
)


def no_name(name: str) -> str:
    raise OSError(name)


def test_its_own_name_and_addresses_are_known() -> None:
    found = host_identity("172.17.0.1", release="6.1.0-13-amd64")
    assert found.names == (socket.gethostname(),)
    assert found.gateway == "172.17.0.1"
    assert not [one for one in found.addresses if one.startswith("127.")]
    for one in found.addresses:
        with socket.socket() as listener:
            listener.bind((one, 0))
    assert (found.is_wsl, found.windows) == (False, ())


def test_under_wsl_windows_is_the_way_out_the_name_server_and_what_its_name_resolves_to(tmp_path: Path) -> None:
    (tmp_path / "route").write_text(ROUTES)
    (tmp_path / "resolv.conf").write_text("# made by WSL\nnameserver 10.255.255.254\nnameserver fd00::1\nsearch lan\n")
    asked: list[str] = []

    def resolve(name: str) -> str:
        asked.append(name)
        return "192.168.1.9"

    found = host_identity(
        "",
        release="5.15.167.4-microsoft-standard-WSL2",
        route=tmp_path / "route",
        resolv=tmp_path / "resolv.conf",
        resolve=resolve,
    )
    assert found.is_wsl
    assert found.windows == ("172.20.0.1", "10.255.255.254", "192.168.1.9")
    assert asked == [f"{socket.gethostname().partition('.')[0]}.local"]


def test_under_wsl_what_is_not_there_is_left_out(tmp_path: Path) -> None:
    nowhere = tmp_path / "nothing"
    found = host_identity("", release="4.4-Microsoft", route=nowhere, resolv=nowhere, resolve=no_name)
    assert (found.is_wsl, found.windows) == (True, ())


def test_a_name_that_resolves_for_ever_is_not_waited_for(tmp_path: Path) -> None:
    may_answer, answered = threading.Event(), []

    def resolve(name: str) -> str:
        may_answer.wait(60)
        answered.append(name)
        return name

    nowhere = tmp_path / "nothing"
    assert host_identity("", release="microsoft", route=nowhere, resolv=nowhere, resolve=resolve).windows == ()
    assert answered == []
    may_answer.set()


def test_the_addresses_on_which_a_port_is_open_are_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
        assert host_network.listeners(port) == ("127.0.0.1",)
    assert host_network.listeners(port) == ()
