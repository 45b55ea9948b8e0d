"""Listeners, routes and the processor."""

import os
import socket
import subprocess
import sys
from ipaddress import IPv4Network, ip_interface
from pathlib import Path

import pytest

from stackctl.contracts.host import Cpu
from stackctl.effects.host import network as host_network
from stackctl.effects.host import processes, processor


@pytest.mark.parametrize(
    ("listens", "asked", "collides"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("0.0.0.0", "127.0.0.1", True),  # noqa: S104 - that is the case
        ("127.0.0.2", "127.0.0.1", False),
        ("::", "::1", True),
        ("::1", "127.0.0.1", False),
    ],
)
def test_a_listener_collides_where_the_engine_could_not_bind(listens: str, asked: str, collides: bool) -> None:
    with socket.socket(socket.AF_INET6 if ":" in listens else socket.AF_INET) as listener:
        listener.bind((listens, 0))
        listener.listen()
        port = listener.getsockname()[1]
        found = host_network.listening(asked)
    assert (port in found) == collides
    assert not collides or str(os.getpid()) in found[port]


@pytest.mark.parametrize(
    ("flags", "avx", "avx2"),
    [
        ("fpu sse4_2 avx f16c avx2 bmi2", True, True),
        ("fpu sse4_2 avx", True, False),
        ("fpu avx512f_no sse4_2", False, False),
    ],
)
def test_the_processors_vector_instructions_are_read_word_by_word(
    tmp_path: Path, flags: str, avx: bool, avx2: bool
) -> None:
    table = tmp_path / "cpuinfo"
    core = f"processor\t: 0\nmodel name\t: A \xb5-CPU with avx2 in its name\nflags\t\t: {flags}\nbugs\t\t: none\n\n"
    table.write_bytes((core * 2).encode("latin-1"))
    assert processor.cpu(table) == Cpu(architecture=os.uname().machine, avx=avx, avx2=avx2)


@pytest.mark.parametrize(
    ("flags", "firmware", "name"),
    [
        ("fpu avx2 hypervisor", {"sys_vendor": "QEMU", "product_name": "Standard PC (Q35 + ICH9, 2009)"}, "QEMU/KVM"),
        ("fpu hypervisor", {"sys_vendor": "VMware, Inc.", "product_name": "VMware20,1"}, "VMware"),
        ("fpu hypervisor", {"sys_vendor": "innotek GmbH", "product_name": "VirtualBox"}, "VirtualBox"),
        ("fpu hypervisor", {"sys_vendor": "Microsoft Corporation", "product_name": "Virtual Machine"}, "Hyper-V"),
        ("fpu hypervisor", {}, "an unknown hypervisor"),  # as in WSL, which has no such files
        ("fpu avx2", {"sys_vendor": "QEMU"}, ""),
    ],
)
def test_the_hypervisor_of_a_virtual_machine_has_the_name_that_its_firmware_says(
    tmp_path: Path, flags: str, firmware: dict[str, str], name: str
) -> None:
    table = tmp_path / "cpuinfo"
    table.write_text(f"flags\t\t: {flags}\n")
    for key, text in firmware.items():
        (tmp_path / key).write_text(f"{text}\n")
    assert processor.hypervisor(table, tmp_path) == name
    assert processor.hypervisor(tmp_path / "none", tmp_path) == ""


def test_a_processor_of_which_nothing_is_said_is_taken_for_a_recent_one(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nFeatures\t: fp asimd\n")
    for table in (tmp_path / "cpuinfo", tmp_path / "none"):
        assert processor.cpu(table) == Cpu(architecture=os.uname().machine)


def test_routes_are_networks_without_the_default_one(tmp_path: Path) -> None:
    table = tmp_path / "route"
    head = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
    lines = ["eth0\t00000000\t0101A8C0\t3\t0\t0\t0\t00000000", "eth0\t0001A8C0\t0\t1\t0\t0\t0\t00FFFFFF"]
    table.write_text(head + "".join(f"{line}\t0\t0\t0\n" for line in lines))
    assert host_network.routes(table) == (IPv4Network("192.168.1.0/24"),)
    assert host_network.routes_by_interface(table) == (("eth0", IPv4Network("192.168.1.0/24")),)


def test_where_there_is_no_table_there_are_no_routes(tmp_path: Path) -> None:
    assert host_network.routes(tmp_path / "none") == ()


def test_a_sillytavern_that_was_started_by_hand_is_seen_in_its_folder(tmp_path: Path) -> None:
    assert processes.node_processes(tmp_path) == ()
    words = ["node", "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(words, executable=sys.executable, cwd=tmp_path) as process:
        try:
            assert processes.node_processes(tmp_path) == (process.pid,)
            assert processes.node_processes(tmp_path.parent) == ()
        finally:
            process.kill()


def test_every_address_of_an_interface_is_known_with_its_network() -> None:
    found = host_network.interfaces()
    assert "127.0.0.1/8" in found["lo"]
    assert all(str(ip_interface(one)) == one for texts in found.values() for one in texts)


def test_a_bridge_is_a_programs_own_where_no_card_is_below_it(tmp_path: Path) -> None:
    for name in ("docker0", "br0", "br1", "home"):
        (tmp_path / name / "bridge").mkdir(parents=True)
    for folder in ("eth0/device", "eth1/device", "bond0/lower_eth1", "vlan9/lower_bond0", "veth0", "wlan0/device"):
        (tmp_path / folder).mkdir(parents=True)
    for folder in ("br0/lower_eth0", "br0/lower_veth0", "br1/lower_vlan9", "home/lower_veth0"):
        (tmp_path / folder).mkdir()
    assert host_network.bridges(tmp_path) == {"docker0", "home"}
    assert host_network.bridges(tmp_path / "none") == frozenset()


def test_the_default_gateway_is_where_the_default_route_leads(tmp_path: Path) -> None:
    head = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
    halves = "tun0\t00000000\t0100090A\t3\t0\t0\t0\t00000080\n"  # a VPN's 0.0.0.0/1 is no default route
    default = "eth0\t00000000\t0101A8C0\t3\t0\t0\t0\t00000000\n"
    table = tmp_path / "route"
    for lines, gateway in ((halves + default, "192.168.1.1"), (halves, "")):
        table.write_text(head + lines)
        assert host_network.default_gateway(table) == gateway
