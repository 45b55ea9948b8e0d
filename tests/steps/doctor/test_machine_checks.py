"""The checks of the machine, its disks and its network: what they look at, and what they leave alone."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path, PurePosixPath

import pytest

from stackctl.contracts.finding import CheckResult
from stackctl.contracts.host import Cpu
from stackctl.contracts.system import DiskUse, Ran, Reached, User
from stackctl.core.observed import EngineSeen
from stackctl.errors import EngineError
from stackctl.steps.doctor import machine, network, servers, storage
from stackctl.steps.doctor.check import Check, Looks
from tests.commands.machines import Quiet, quiet
from tests.fakes import FakeDocker

ROOT = User(name="root", uid=0)
DISK = DiskUse(
    total_mib=100_000,
    free_mib=50_000,
    inodes=6_000_000,
    free_inodes=5_000_000,
    file_system="ext4",
    mount_point="/",
    source="/dev/sda1",
)
MEMORY = "MemTotal: 16000000 kB\nMemAvailable: 12000000 kB\nSwapTotal: 2000000 kB\nSwapFree: 2000000 kB\n"
HERE = {"/": (1, 2), "/proc/77/root": (1, 2), "/proc/self/ns/net": (4, 100), "/proc/77/ns/net": (4, 100)}
EVERY = (*machine.CHECKS, *storage.CHECKS, *network.CHECKS, *servers.CHECKS)


@pytest.fixture
def well(tmp_path: Path) -> Quiet:
    """A healthy machine, seen by root, in the folder of a stack that was not deployed yet."""
    found = quiet(tmp_path)
    (tmp_path / "stack.toml").write_text('images = "own"\n')
    found.docker.details_ = replace(found.docker.details_, pid=77)
    system = found.system
    system.who, system.disks = ROOT, {"/": DISK}
    system.texts = {
        "/proc/meminfo": MEMORY,
        "/proc/cmdline": "root=/dev/sda1",
        "/proc/modules": "veth 1 0 - Live 0x0\n",
        "/proc/sys/net/ipv4/ip_forward": "1\n",
        "/lib/modules/6.12.0/modules.dep": "",
    }
    same = {str(tmp_path): (9, 9), f"/proc/77/root{tmp_path}": (9, 9)}
    system.identities = {**HERE, **same}
    system.answers = {
        "iptables -S": Ran(code=0, out="-P FORWARD DROP\n-A FORWARD -j DOCKER-FORWARD\n-A DOCKER-FORWARD -j ACCEPT\n"),
        "nft list chains": Ran(code=0, out=""),
    }
    return found


def run(name: str, on: Quiet) -> CheckResult:
    check: Check = next(one for one in EVERY if one.name == name)
    return check.run(Looks(on.machine))


def issues(name: str, on: Quiet) -> list[str]:
    return [one.issue for one in run(name, on).findings]


@pytest.mark.parametrize("name", [one.name for one in EVERY])
def test_a_healthy_machine_has_no_finding(name: str, well: Quiet) -> None:
    assert run(name, well).findings == ()


def rootless(on: Quiet) -> None:
    on.system.who = User(name="ann", uid=1000)
    security = frozenset({"rootless", "seccomp"})
    on.docker.details_ = replace(on.docker.details_, security=security, root=PurePosixPath("/home/ann/.local/docker"))
    on.system.texts["/proc/sys/net/ipv4/ip_forward"] = "0\n"


def desktop(on: Quiet) -> None:
    on.docker.view, on.docker.is_local = "desktop", False
    on.docker.details_ = replace(on.docker.details_, pid=0)
    on.system.texts["/proc/sys/net/ipv4/ip_forward"] = "0\n"
    on.system.answers["iptables -S"] = Ran(code=0, out="-P FORWARD DROP\n")


def in_a_container(on: Quiet) -> None:
    on.docker.view, on.host.container_ = "container", "docker"
    on.system.texts["/proc/sys/net/ipv4/ip_forward"] = "0\n"
    on.system.texts["/sys/module/apparmor/parameters/enabled"] = "Y\n"
    on.system.texts["/sys/kernel/security/apparmor/profiles"] = ""


def in_lxc(on: Quiet) -> None:
    on.host.container_ = "lxc"
    on.system.texts["/lib/modules/5.15.0-host/modules.dep"] = on.system.texts.pop("/lib/modules/6.12.0/modules.dep")


def nas(on: Quiet) -> None:
    on.system.kernel_ = "4.4.302+"
    on.system.texts["/proc/meminfo"] = (
        "MemTotal: 2000000 kB\nMemAvailable: 900000 kB\nSwapTotal: 2000000 kB\nSwapFree: 1 kB\n"
    )
    for path in ("/lib/modules/6.12.0/modules.dep", "/proc/pressure/memory"):
        on.system.texts.pop(path, None)
    on.system.disks["/"] = replace(DISK, file_system="btrfs", inodes=0, free_inodes=0)


def without_rights(on: Quiet) -> None:
    on.system.who = User(name="ann", uid=1000, groups=("ann", "docker"))
    on.system.identities = {str(on.machine.path): (9, 9)}
    on.system.answers = {}


def wsl(on: Quiet) -> None:
    on.host.is_windows = True
    on.system.kernel_ = "5.15.167.4-microsoft-standard-WSL2"
    on.system.texts["/proc/modules"] = ""
    on.system.texts.pop("/lib/modules/6.12.0/modules.dep")


def with_a_vpn(on: Quiet) -> None:
    on.host.leads_to = (("tun0", IPv4Network("0.0.0.0/1")), ("tun0", IPv4Network("10.8.0.0/24")))


HEALTHY = [rootless, desktop, in_a_container, in_lxc, nas, without_rights, wsl, with_a_vpn]


@pytest.mark.parametrize("kind", HEALTHY)
def test_so_has_no_other_kind_of_machine(kind: Callable[[Quiet], None], well: Quiet) -> None:
    kind(well)
    for check in EVERY:
        found = check.run(Looks(well.machine)).findings
        assert found == (), check.name


class Silent(FakeDocker):
    """An engine that does not answer."""

    def look(self, compose_argv: tuple[str, ...], compose_version: tuple[int, ...]) -> EngineSeen:
        del compose_argv, compose_version
        raise EngineError("the engine does not answer")


@pytest.mark.parametrize("name", ["memory", "processor", "kernel", "stack disk", "folder", "model disk", "names"])
def test_what_needs_no_engine_is_looked_at_without_one(name: str, well: Quiet) -> None:
    well.machine.docker = Silent()
    assert run(name, well).findings == ()


@pytest.mark.parametrize("name", ["cgroups", "apparmor", "image disk", "engine's view", "ports", "firewall"])
def test_what_is_the_engines_is_not_tried_then(name: str, well: Quiet) -> None:
    well.machine.docker = Silent()
    with pytest.raises(EngineError, match="does not answer"):
        run(name, well)


def test_the_disk_of_the_images_is_that_of_the_engines_folder(well: Quiet) -> None:
    well.system.disks["/var/lib/docker"] = replace(DISK, free_mib=10, mount_point="/var/lib/docker")
    assert issues("image disk", well) == ["disk-full"]
    assert issues("stack disk", well) == []


def test_the_disk_of_an_engine_in_a_container_is_looked_at_by_its_own_root(well: Quiet) -> None:
    well.system.identities["/proc/77/root"] = (5, 2)
    well.system.disks["/proc/77/root/var/lib/docker"] = replace(DISK, free_mib=10, mount_point="/proc")
    (found,) = run("image disk", well).findings
    assert (found.issue, found.context) == ("disk-full", "/var/lib/docker")
    assert found.evidence[0].startswith("file system: 10 of 100000 MiB free")


def test_one_disk_for_both_is_named_once(well: Quiet) -> None:
    well.system.disks["/"] = replace(DISK, free_mib=10)
    assert issues("image disk", well) == ["disk-full"]
    assert run("stack disk", well).says == "that of the images"


def test_the_stacks_disk_is_looked_at_where_the_engines_can_not_be(well: Quiet) -> None:
    well.docker.view = "desktop"
    well.system.disks["/"] = replace(DISK, free_mib=10)
    assert run("image disk", well).untried == "the engine's disk can't be seen from here"
    assert issues("stack disk", well) == ["disk-full"]


def test_a_file_is_tried_only_on_a_file_system_that_is_in_doubt(well: Quiet, tmp_path: Path) -> None:
    before = tmp_path.stat().st_mtime_ns
    assert issues("folder", well) == []
    assert tmp_path.stat().st_mtime_ns == before


def test_a_folder_that_the_engines_process_sees_otherwise(well: Quiet, tmp_path: Path) -> None:
    well.system.identities[f"/proc/77/root{tmp_path}"] = (9, 10)
    assert issues("engine's view", well) == ["folder-not-seen"]
    del well.system.identities[f"/proc/77/root{tmp_path}"]
    assert issues("engine's view", well) == ["folder-not-seen"]
    del well.system.identities["/proc/77/root"]
    assert run("engine's view", well).untried


def model(on: Quiet, path: str) -> None:
    (on.machine.path / "stack.toml").write_text(f'images = "own"\n[model]\npath = "{path}"\n')


def test_a_model_that_is_not_there(well: Quiet) -> None:
    model(well, "/data/models/a.gguf")
    assert issues("model disk", well) == ["model-missing"]
    well.system.texts["/etc/fstab"] = "UUID=1 /data ext4 defaults 0 2\n"
    assert issues("model disk", well) == ["disk-not-mounted"]


def test_a_share_that_does_not_answer_holds_nothing_up(well: Quiet) -> None:
    model(well, "/mnt/nas/a.gguf")
    well.system.answers["stat -L -c %s /mnt/nas/a.gguf"] = Ran(code=-1, is_late=True)
    (found,) = run("model disk", well).findings
    assert (found.issue, found.says) == (
        "disk-not-mounted",
        "the disk or share of the model /mnt/nas/a.gguf does not answer",
    )


def test_the_models_size_is_in_the_warning_about_a_share(well: Quiet) -> None:
    model(well, "/mnt/nas/a.gguf")
    well.system.answers["stat -L -c %s /mnt/nas/a.gguf"] = Ran(code=0, out=f"{5 << 30}\n")
    well.system.disks["/mnt/nas"] = replace(DISK, file_system="cifs", mount_point="/mnt/nas", source="//nas/models")
    (found,) = run("model disk", well).findings
    assert found.issue == "model-on-network-share"
    assert "its 5.0 GiB take 49 s by 1 Gbit/s" in found.says


def test_forwarding_is_read_now_and_not_as_the_engine_saw_it_at_its_start(well: Quiet) -> None:
    well.system.texts["/proc/sys/net/ipv4/ip_forward"] = "0\n"
    well.system.texts["/etc/sysctl.d/50-x.conf"] = "net.ipv4.ip_forward=0\n"
    (found,) = run("forwarding", well).findings
    assert "/etc/sysctl.d/50-x.conf sets it to 0 at each boot" in found.hint
    well.system.identities["/proc/77/ns/net"] = (4, 200)  # the engine has another network, as in a namespace
    assert issues("forwarding", well) == []


def test_the_firewalls_rules_are_read_by_root_alone(well: Quiet) -> None:
    well.system.answers["iptables -S"] = Ran(code=0, out="-P FORWARD DROP\n")
    assert issues("firewall", well) == ["firewall-drops-forwarded"]
    without_rights(well)
    assert run("firewall", well).untried == "only root may read the firewall's rules"
    assert well.system.asked.count(("iptables", "-S")) == 1


def test_each_chain_that_drops_is_read(well: Quiet) -> None:
    head = "table inet mine {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy drop;\n"
    well.system.answers["nft list chains"] = Ran(code=0, out=f"{head}\t}}\n}}\n")
    well.system.answers["nft list chain inet mine forward"] = Ran(code=0, out=f"{head}\t}}\n}}\n")
    assert issues("firewall", well) == ["firewall-drops-forwarded"]


def test_a_port_that_stack_toml_names_is_looked_at(well: Quiet, tmp_path: Path) -> None:
    assert run("ports", well).untried == "a deploy will choose a free port"
    (tmp_path / "stack.toml").write_text("[sillytavern]\nport = 8123\n")
    assert issues("ports", well) == []
    well.host.listening_ = {"127.0.0.1": {8123: "python3 (process 7)"}}
    assert issues("ports", well) == ["port-taken"]
    well.docker.published_ = ({}, {8123})  # it is this stack's container that listens
    assert issues("ports", well) == []


def test_subnets_that_stack_toml_names_are_looked_at(well: Quiet, tmp_path: Path) -> None:
    (tmp_path / "stack.toml").write_text('[network]\nedge = "10.77.5.0/24"\n')
    well.host.leads_to = (("tun0", IPv4Network("10.77.0.0/16")),)
    assert issues("subnets", well) == ["subnet-overlaps-route"]


def test_a_processor_without_avx2_is_a_warning(well: Quiet) -> None:
    well.host.processor, well.host.hypervisor_ = Cpu(avx2=False), "QEMU/KVM"
    (found,) = run("processor", well).findings
    assert (found.issue, found.severity) == ("processor-lacks-instructions", "warning")
    assert "QEMU/KVM" in found.hint


def test_names_are_asked_once_for_all_checks(well: Quiet, tmp_path: Path) -> None:
    (tmp_path / "stack.toml").write_text("")
    why = "[Errno -2] Name or service not known"
    well.system.unresolved = {"ghcr.io": why, "hub.example": why}
    looks = Looks(well.machine)
    results = {check.name: check.run(looks) for check in servers.CHECKS}
    (found,) = results["names"].findings
    assert found.severity == "failure"
    assert "2 images have to come from there" in found.says
    assert results["servers"].untried
    assert results["clock"].untried


def test_with_all_images_here_a_machine_may_be_offline(well: Quiet, tmp_path: Path) -> None:
    (tmp_path / "stack.toml").write_text("")
    why = "[Errno -2] Name or service not known"
    well.system.unresolved = {"ghcr.io": why, "hub.example": why}

    class All(dict[str, str]):
        def get(self, name: str, default: object = None) -> str:
            del default
            return f"sha256:{name}"

    well.docker.images.here = All()
    (found,) = run("names", well).findings
    assert found.severity == "warning"


def test_the_clock_is_compared_with_the_servers_that_were_asked(well: Quiet, tmp_path: Path) -> None:
    (tmp_path / "stack.toml").write_text("")
    well.system.servers = {
        "https://ghcr.io/v2/": Reached(status=401, ahead_s=-90_000.0),
        "https://hub.example/": Reached(status=200, ahead_s=-90_001.0),
    }
    well.system.answers["timedatectl show"] = Ran(code=0, out="CanNTP=yes\nNTP=no\n")
    (found,) = run("clock", well).findings
    assert (found.issue, found.severity) == ("clock-wrong", "failure")
    assert found.repair


def test_a_registry_whose_certificate_the_engine_alone_has_is_not_asked(well: Quiet, tmp_path: Path) -> None:
    (tmp_path / "stack.toml").write_text("")
    well.system.texts["/etc/docker/certs.d/ghcr.io/ca.crt"] = "certificate"
    well.system.servers = {"https://ghcr.io/v2/": Reached(failure="tls", says="self-signed certificate")}
    assert issues("servers", well) == []
