"""Faults of the machine, of its disks and of its network, each planted in an engine's own network and mounts."""

import shlex
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.doctor.faults import Seen
from tests.e2e.doctor.small_engine import SmallEngine, small_engine
from tests.effects.http_server import CERTIFICATE

pytestmark = [pytest.mark.engine, pytest.mark.machines]

SETTINGS = 'images = "own"\n[model]\npath = "demo"\n'
POOL = [{"base": "10.99.0.0/29", "size": 30}]
# a server: its port, the seconds that its clock is behind, the file that it makes once it listens, its certificate
SERVE = """
import pathlib, ssl, sys
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from time import time
port, behind_s, ready, certificate = int(sys.argv[1]), float(sys.argv[2]), *sys.argv[3:]
class Handler(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response_only(200)
        self.send_header("Date", formatdate(time() - behind_s, usegmt=True))
        self.end_headers()
server = HTTPServer(("127.0.0.1", port), Handler)
if certificate:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
pathlib.Path(ready).touch()
server.serve_forever()
"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallEngine]:
    with small_engine(open_folder(tmp_path_factory.mktemp("e")), **{"default-address-pools": POOL}) as engine:
        yield engine


def open_folder(folder: Path) -> Path:
    """The same folder, to which other users have a way."""
    for one in (folder, *folder.parents):
        if one.owner() == "root" and one.stat().st_mode & 0o077 == 0:
            one.chmod(0o711)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A stack's folder, before its first deploy, for which nothing has to be downloaded."""
    folder = tmp_path / "chat"
    folder.mkdir()
    (folder / "stack.toml").write_text(SETTINGS)
    return folder


@pytest.fixture(scope="module")
def known(engine: SmallEngine, tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """What is wrong with the machine of the tests itself, without a planted fault: warnings alone."""
    folder = tmp_path_factory.mktemp("well")
    (folder / "stack.toml").write_text(SETTINGS)
    seen = engine.doctor(folder)
    assert seen.failures == (), seen.values["findings"]
    return frozenset(seen.issues)


def first_of(seen: Seen, known: frozenset[str]) -> str:
    return next((one for one in seen.issues if one not in known), "")


def test_a_machine_without_a_planted_fault_has_no_failure(engine: SmallEngine, folder: Path) -> None:
    seen = engine.doctor(folder)
    assert set(seen.issues) <= {"cgroup-version-1"}, seen.values["findings"]
    assert seen.code == 0


@pytest.mark.sample
def test_a_full_disk_of_images(engine: SmallEngine, folder: Path) -> None:
    at = engine.data
    with engine.broken(f"mount -o remount,size=100m {at}", f"mount -o remount,size=3g {at}"):
        seen = engine.doctor(folder)
    assert seen.first == "disk-full"
    assert seen.finding("disk-full")["context"] == str(at)
    assert seen.code == 6


def test_inodes_that_are_used_up(engine: SmallEngine, folder: Path) -> None:
    at = engine.data
    used = int(engine.sh(f"df --output=iused {at} | tail -1"))
    with engine.broken(f"mount -o remount,nr_inodes={used + 20} {at}", f"mount -o remount,nr_inodes=200k {at}"):
        seen = engine.doctor(folder)
    assert seen.first == "inodes-used-up"
    assert "more files of" in seen.finding("inodes-used-up")["message"]


def test_a_full_disk_of_the_stack(engine: SmallEngine, folder: Path) -> None:
    plant = f"mount -t tmpfs -o size=1m tmpfs {folder}; echo 'images = \"own\"' > {folder}/stack.toml"
    with engine.broken(plant, f"umount {folder}"):
        seen = engine.doctor(folder)
    assert seen.first == "disk-full"
    assert seen.finding("disk-full")["context"] == str(folder)


def test_a_folder_on_a_read_only_disk(engine: SmallEngine, folder: Path) -> None:
    plant = f"mount --bind {folder} {folder}; mount -o remount,bind,ro {folder}"
    with engine.broken(plant, f"umount {folder}"):
        seen = engine.doctor(folder)
    assert seen.first == "folder-read-only"
    assert f"mount -o remount,rw {folder}" in seen.finding("folder-read-only")["hint"]


def test_a_folder_of_another_user(engine: SmallEngine, folder: Path) -> None:
    open_folder(folder).chmod(0o755)
    with engine.broken(f"chmod 666 {engine.root}/docker.sock", f"chmod 660 {engine.root}/docker.sock"):
        seen = engine.doctor(folder, user="nobody")
    assert seen.first == "folder-not-writable"
    assert "nobody may not write to" in seen.finding("folder-not-writable")["message"]


def test_a_file_system_that_refuses_owners(engine: SmallEngine, folder: Path) -> None:
    refuses = "--chown-deny --chgrp-deny --chmod-deny --perms=a=rwx --force-user=99 --force-group=100"
    with engine.broken(f"{bindfs()} {refuses} {folder} {folder}", f"umount {folder}"):
        seen = engine.doctor(folder)
    assert seen.first == "folder-keeps-no-permissions"


def test_a_folder_that_the_engine_does_not_see(engine: SmallEngine, folder: Path) -> None:
    kept = f"cp {folder}/stack.toml {engine.root}/kept; mount -t tmpfs tmpfs {folder}"
    seen = engine.doctor(folder, setup=f"{kept}; cp {engine.root}/kept {folder}/stack.toml")
    assert seen.first == "folder-not-seen"


def test_a_models_disk_that_is_not_mounted(engine: SmallEngine, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "fstab").write_text(f"UUID=00 {tmp_path}/disk ext4 defaults 0 2\n")
    (folder / "stack.toml").write_text(f'images = "own"\n[model]\npath = "{tmp_path}/disk/a.gguf"\n')
    seen = engine.doctor(folder, setup=f"mount --bind {tmp_path}/fstab /etc/fstab")
    assert seen.first == "disk-not-mounted"
    assert f"mount {tmp_path}/disk" in seen.finding("disk-not-mounted")["hint"]


def test_a_model_on_a_share(engine: SmallEngine, folder: Path, tmp_path: Path, known: frozenset[str]) -> None:
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / "a.gguf").write_bytes(b"GGUF" * 1000)
    (folder / "stack.toml").write_text(f'images = "own"\n[model]\npath = "{tmp_path}/share/a.gguf"\n')
    # what sshfs mounts has this type, too
    plant = f"{bindfs()} -o subtype=sshfs {tmp_path}/share {tmp_path}/share"
    with engine.broken(plant, f"umount {tmp_path}/share"):
        seen = engine.doctor(folder)
    assert first_of(seen, known) == "model-on-network-share"
    assert seen.code == 0


def test_a_share_that_hangs(engine: SmallEngine, folder: Path, tmp_path: Path) -> None:
    share = tmp_path / "share"
    share.mkdir()
    (share / "a.gguf").write_bytes(b"GGUF" * 1000)
    (folder / "stack.toml").write_text(f'images = "own"\n[model]\npath = "{share}/a.gguf"\n')
    mount = f"{bindfs()} -f {share} {share} >/dev/null 2>&1 & echo $! > {tmp_path}/pid"
    hangs = f"until mountpoint -q {share}; do sleep 0.05; done; kill -STOP $(cat {tmp_path}/pid)"
    with engine.broken(f"{mount}; {hangs}", f"umount -l {share}; kill -CONT $(cat {tmp_path}/pid)"):
        seen = engine.doctor(folder)
    assert seen.first == "disk-not-mounted"
    assert "does not answer" in seen.finding("disk-not-mounted")["message"]


def bindfs() -> str:
    if not shutil.which("bindfs"):
        pytest.fail("these tests mount by bindfs (Debian, Ubuntu: apt-get install bindfs)", pytrace=False)
    return "bindfs"


def waiting(opens: str, folder: Path) -> tuple[str, str]:
    """The scripts that start a program which opens a socket and then only waits, and that end it."""
    program = f"import pathlib,socket,time;{opens};pathlib.Path('{folder}/ready').touch();time.sleep(60)"
    start = f"python3 -c {shlex.quote(program)} >/dev/null 2>&1 & echo $! > {folder}/pid"
    return f"{start}; until [ -e {folder}/ready ]; do sleep 0.05; done", f"kill $(cat {folder}/pid)"


@pytest.mark.sample
def test_packets_that_are_not_forwarded(engine: SmallEngine, folder: Path) -> None:
    with engine.broken("sysctl -qw net.ipv4.ip_forward=0", "sysctl -qw net.ipv4.ip_forward=1"):
        seen = engine.doctor(folder)
    assert seen.first == "forwarding-off"


@pytest.mark.sample
def test_a_firewall_that_drops_forwarded_packets(engine: SmallEngine, folder: Path) -> None:
    kept = f"{engine.root}/rules"
    plant = f"iptables-save > {kept}; iptables -F FORWARD; iptables -P FORWARD DROP"
    with engine.broken(plant, f"iptables-restore < {kept}"):
        seen = engine.doctor(folder)
    assert seen.first == "firewall-drops-forwarded"
    assert "-P FORWARD DROP" in seen.finding("firewall-drops-forwarded")["evidence"]


def test_a_chain_of_nftables_that_drops_them(engine: SmallEngine, folder: Path) -> None:
    if not shutil.which("nft"):
        pytest.fail("this test needs nft (Debian, Ubuntu: apt-get install nftables)", pytrace=False)
    chain = "{ type filter hook forward priority 0; policy drop; }"
    plant = f"nft add table inet mine; nft add chain inet mine forward {shlex.quote(chain)}"
    with engine.broken(plant, "nft delete table inet mine"):
        seen = engine.doctor(folder)
    assert seen.first == "firewall-drops-forwarded"
    assert seen.finding("firewall-drops-forwarded")["context"] == "inet mine forward"


def test_a_port_that_is_taken(engine: SmallEngine, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "stack.toml").write_text(f"{SETTINGS}[sillytavern]\nport = {port}\n")
    serve = f"s=socket.create_server(('127.0.0.1',{port}))"
    plant, repair = waiting(serve, folder.parent)
    with engine.broken(plant, repair):
        seen = engine.doctor(folder)
    assert seen.first == "port-taken"
    assert "python3 (process" in seen.finding("port-taken")["message"]
    assert seen.code == 4


def test_a_subnet_to_which_a_vpn_leads(engine: SmallEngine, folder: Path, known: frozenset[str]) -> None:
    (folder / "stack.toml").write_text(f'{SETTINGS}[network]\nedge = "10.77.5.0/24"\n')
    vpn = "ip link add tun7 type veth peer name tun8; ip link set tun7 up; ip link set tun8 up"
    with engine.broken(f"{vpn}; ip route add 10.77.0.0/16 dev tun7", "ip link del tun7"):
        wide = engine.doctor(folder)
    with engine.broken(f"{vpn}; ip route add 10.77.5.0/25 dev tun7", "ip link del tun7"):
        narrow = engine.doctor(folder)
    assert first_of(wide, known) == "subnet-overlaps-route"
    assert wide.failures == ()
    assert narrow.first == "subnet-overlaps-route"
    assert "to which tun7 leads" in narrow.finding("subnet-overlaps-route")["message"]


def test_address_pools_that_are_used_up(engine: SmallEngine, folder: Path, known: frozenset[str]) -> None:
    plant = "docker network create one >/dev/null; docker network create two >/dev/null"
    with engine.broken(plant, "docker network rm one two >/dev/null"):
        seen = engine.doctor(folder)
    assert first_of(seen, known) == "subnets-used-up"
    assert seen.code == 0


def test_a_resolver_that_never_answers(engine: SmallEngine, folder: Path, tmp_path: Path) -> None:
    (folder / "stack.toml").write_text('[model]\npath = "demo"\n')  # images have to be pulled
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.77\n")
    plant, repair = waiting("s=socket.socket(type=socket.SOCK_DGRAM);s.bind(('127.0.0.77',53))", tmp_path)
    resolvers = f"mount --bind {tmp_path}/resolv.conf /etc/resolv.conf"
    with engine.broken(f"{plant}; {resolvers}", f"{repair}; umount /etc/resolv.conf"):
        seen = engine.doctor(folder, environment={"HF_HUB_OFFLINE": ""})
    assert seen.first == "names-not-resolved"
    assert "no resolver answered in time" in seen.finding("names-not-resolved")["message"]


def test_a_registry_that_refuses(engine: SmallEngine, folder: Path, tmp_path: Path) -> None:
    (folder / "stack.toml").write_text('[model]\npath = "demo"\n')
    (tmp_path / "hosts").write_text("127.0.0.1 localhost ghcr.io registry-1.docker.io\n")
    seen = engine.doctor(folder, setup=f"mount --bind {tmp_path}/hosts /etc/hosts")
    assert seen.first == "registry-unreachable"
    assert "have to come from there" in seen.finding("registry-unreachable")["message"]


def test_memory_that_is_low(engine: SmallEngine, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text(
        "MemTotal: 4000000 kB\nMemAvailable: 120000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"
    )
    seen = engine.doctor(folder, setup=f"mount --bind {tmp_path}/meminfo /proc/meminfo")
    assert seen.first == "memory-low"
    assert "swap-missing" in seen.issues


def test_a_machine_that_swaps(engine: SmallEngine, folder: Path, tmp_path: Path, known: frozenset[str]) -> None:
    (tmp_path / "meminfo").write_text(
        "MemTotal: 16000000 kB\nMemAvailable: 900000 kB\nSwapTotal: 4000000 kB\nSwapFree: 100000 kB\n"
    )
    (tmp_path / "pressure").write_text("some avg10=40.00 avg60=31.00 avg300=9.00 total=1\n")
    plant = f"mount --bind {tmp_path}/meminfo /proc/meminfo"
    if Path("/proc/pressure/memory").exists():
        plant += f"; mount --bind {tmp_path}/pressure /proc/pressure/memory"
    seen = engine.doctor(folder, setup=plant)
    assert first_of(seen, known) == "swap-in-use"


def serving(folder: Path, port: int, *, behind_s: float = 0, certificate: str = "") -> tuple[str, str]:
    """The scripts that start a server whose clock is so many seconds behind ours, and that end it."""
    (folder / "serve.py").write_text(SERVE)
    words = f"{folder}/serve.py {port} {behind_s} {folder}/ready '{certificate}'"
    start = f"python3 {words} >/dev/null 2>&1 & echo $! > {folder}/pid"
    return f"{start}; until [ -e {folder}/ready ]; do sleep 0.05; done", f"kill $(cat {folder}/pid)"


def test_a_clock_that_is_ahead(engine: SmallEngine, folder: Path, tmp_path: Path, known: frozenset[str]) -> None:
    with engine.broken(*serving(tmp_path, 8099, behind_s=7200)):
        hub = {"HF_HUB_OFFLINE": "", "HF_ENDPOINT": "http://127.0.0.1:8099"}
        seen = engine.doctor(folder, environment=hub)
    assert first_of(seen, known) == "clock-wrong"
    assert (
        seen.finding("clock-wrong")["message"] == "this machine's clock is 2 hours ahead, by the clocks of one server"
    )


def test_a_connection_that_something_between_opens(engine: SmallEngine, folder: Path, tmp_path: Path) -> None:
    (folder / "stack.toml").write_text('[model]\npath = "demo"\n')
    (tmp_path / "hosts").write_text("127.0.0.1 localhost ghcr.io\n")
    with engine.broken(*serving(tmp_path, 443, certificate=str(CERTIFICATE))):
        seen = engine.doctor(folder, setup=f"mount --bind {tmp_path}/hosts /etc/hosts")
    assert seen.first == "certificate-not-trusted"
    assert "self-signed certificate" in seen.finding("certificate-not-trusted")["message"]


def fixed(engine: SmallEngine, folder: Path) -> tuple[str, tuple[str, ...]]:
    """Let the doctor repair what it can: the outcome of the first repair, and the commands of its undo."""
    first = engine.doctor(folder, "--fix", "--yes").values["repairs"][0]
    return first["outcome"], tuple(first["undo"])


def test_forwarding_is_repaired_and_taken_back(engine: SmallEngine, folder: Path) -> None:
    with engine.broken("sysctl -qw net.ipv4.ip_forward=0", "sysctl -qw net.ipv4.ip_forward=1"):
        outcome, undo = fixed(engine, folder)
        assert outcome == "repaired"
        assert engine.doctor(folder).failures == ()
        engine.sh("; ".join(undo))
        assert engine.sh("cat /proc/sys/net/ipv4/ip_forward").strip() == "0"
        assert engine.doctor(folder).first == "forwarding-off"


def test_a_disk_that_fstab_has_is_mounted_and_taken_back(engine: SmallEngine, folder: Path, tmp_path: Path) -> None:
    disk, real = tmp_path / "disk", tmp_path / "real"
    for one in (disk, real):
        one.mkdir()
    (real / "a.gguf").write_bytes(b"GGUF" * 1000)
    (tmp_path / "fstab").write_text(f"{real} {disk} none bind 0 0\n")
    (folder / "stack.toml").write_text(f'images = "own"\n[model]\npath = "{disk}/a.gguf"\n')
    with engine.broken(f"mount --bind {tmp_path}/fstab /etc/fstab", "umount /etc/fstab"):
        outcome, undo = fixed(engine, folder)
        assert outcome == "repaired"
        assert engine.doctor(folder).failures == ()
        engine.sh("; ".join(undo))
        assert engine.doctor(folder).first == "disk-not-mounted"


def test_images_that_no_name_leads_to_make_room(engine: SmallEngine, folder: Path) -> None:
    layer = "mkdir $at/l && head -c 260M /dev/zero > $at/l/zeros && tar -C $at/l -c . | docker import - >/dev/null"
    engine.sh(f"at={engine.root}; {layer}; echo x > $at/l/zeros; tar -C $at/l -c . | docker import - kept >/dev/null")
    used = int(engine.sh(f"df --output=used -m {engine.data} | tail -1"))
    full = f"mount -o remount,size={used + 60}m {engine.data}"
    with engine.broken(full, f"mount -o remount,size=3g {engine.data}; docker image rm -f kept >/dev/null"):
        assert engine.doctor(folder).first == "disk-full"
        outcome, undo = fixed(engine, folder)
        assert (outcome, undo) == ("repaired", ())
        assert engine.doctor(folder).failures == ()
        assert engine.sh("docker images -q").split() == engine.sh("docker images -q kept").split()
