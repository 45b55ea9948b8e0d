"""Machines as they are found in the wild: their os-release, and what they have."""

from dataclasses import replace

from stackctl.contracts.engine_link import EngineLink
from stackctl.contracts.system import User
from stackctl.core.setup.distribution import Distribution, Signs, name_distribution
from stackctl.core.setup.seen import Seen

# the lines of os-release that count, as the systems have them
OS_RELEASES = {
    "debian-11": 'PRETTY_NAME="Debian GNU/Linux 11 (bullseye)"\nVERSION_ID="11"\nVERSION_CODENAME=bullseye\nID=debian',
    "debian-12": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nID=debian',
    "debian-13": 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_ID="13"\nVERSION_CODENAME=trixie\nID=debian',
    "debian-testing": 'PRETTY_NAME="Debian GNU/Linux forky/sid"\nVERSION_CODENAME=forky\nID=debian',
    "raspberry-pi-os": 'PRETTY_NAME="Raspbian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n'
    "ID=raspbian\nID_LIKE=debian",
    "lmde": 'PRETTY_NAME="LMDE 7 (gigi)"\nVERSION_ID="7"\nVERSION_CODENAME=gigi\nID=linuxmint\nID_LIKE=debian\n'
    "DEBIAN_CODENAME=trixie",
    "kali": 'PRETTY_NAME="Kali GNU/Linux Rolling"\nVERSION_ID="2026.3"\nVERSION_CODENAME=kali-rolling\nID=kali\n'
    "ID_LIKE=debian",
    "ubuntu-22.04": 'PRETTY_NAME="Ubuntu 22.04.5 LTS"\nVERSION_ID="22.04"\nVERSION_CODENAME=jammy\nID=ubuntu\n'
    "ID_LIKE=debian\nUBUNTU_CODENAME=jammy",
    "ubuntu-24.04": 'PRETTY_NAME="Ubuntu 24.04.3 LTS"\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\nID=ubuntu\n'
    "ID_LIKE=debian\nUBUNTU_CODENAME=noble",
    "ubuntu-26.04": 'PRETTY_NAME="Ubuntu 26.04 LTS"\nVERSION_ID="26.04"\nVERSION_CODENAME=resolute\nID=ubuntu\n'
    "ID_LIKE=debian\nUBUNTU_CODENAME=resolute",
    "linux-mint": 'PRETTY_NAME="Linux Mint 22.2"\nVERSION_ID="22.2"\nVERSION_CODENAME=zara\nID=linuxmint\n'
    'ID_LIKE="ubuntu debian"\nUBUNTU_CODENAME=noble',
    "pop-os": 'PRETTY_NAME="Pop!_OS 22.04 LTS"\nVERSION_ID="22.04"\nVERSION_CODENAME=jammy\nID=pop\n'
    'ID_LIKE="ubuntu debian"\nUBUNTU_CODENAME=jammy',
    "fedora": 'PRETTY_NAME="Fedora Linux 43 (Workstation Edition)"\nVERSION_ID=43\nID=fedora\nVARIANT_ID=workstation',
    "silverblue": 'PRETTY_NAME="Fedora Linux 43.20261101.0 (Silverblue)"\nVERSION_ID=43\nID=fedora\n'
    "VARIANT_ID=silverblue",
    "bazzite": 'PRETTY_NAME="Bazzite 43"\nVERSION_ID=43\nID=bazzite\nID_LIKE="fedora"\nVARIANT_ID=bazzite',
    "rhel": 'PRETTY_NAME="Red Hat Enterprise Linux 10.0"\nVERSION_ID="10.0"\nID="rhel"\nID_LIKE="centos fedora"',
    "rocky": 'PRETTY_NAME="Rocky Linux 9.6 (Blue Onyx)"\nVERSION_ID="9.6"\nID="rocky"\nID_LIKE="rhel centos fedora"',
    "arch": 'PRETTY_NAME="Arch Linux"\nID=arch\nBUILD_ID=rolling',
    "manjaro": 'PRETTY_NAME="Manjaro Linux"\nID=manjaro\nID_LIKE=arch',
    "steamos": 'PRETTY_NAME="SteamOS"\nVERSION_ID=3.7\nID=steamos\nID_LIKE=arch\nVARIANT_ID=steamdeck',
    "opensuse-tumbleweed": 'PRETTY_NAME="openSUSE Tumbleweed"\nVERSION_ID="20261120"\nID="opensuse-tumbleweed"\n'
    'ID_LIKE="opensuse suse"',
    "opensuse-leap-15": 'PRETTY_NAME="openSUSE Leap 15.6"\nVERSION_ID="15.6"\nID="opensuse-leap"\n'
    'ID_LIKE="suse opensuse"',
    "opensuse-leap-16": 'PRETTY_NAME="openSUSE Leap 16.0"\nVERSION_ID="16.0"\nID="opensuse-leap"\n'
    'ID_LIKE="suse opensuse"',
    "opensuse-microos": 'PRETTY_NAME="openSUSE MicroOS"\nVERSION_ID="20261120"\nID="opensuse-microos"\n'
    'ID_LIKE="suse opensuse opensuse-tumbleweed"',
    "alpine": 'PRETTY_NAME="Alpine Linux v3.22"\nVERSION_ID=3.22.1\nID=alpine',
    "nixos": 'PRETTY_NAME="NixOS 26.05 (Yarara)"\nVERSION_ID="26.05"\nID=nixos',
    "gentoo": 'PRETTY_NAME="Gentoo Linux"\nVERSION_ID=2.17\nID=gentoo',
    "unraid": 'PRETTY_NAME="Slackware 15.0 x86_64 (post 15.0 -current)"\nVERSION_ID=15.0\nID=slackware',
    "truenas": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nID=debian',
    "synology": "",
}
BARE = EngineLink(address="unix:///var/run/docker.sock", failure="missing")
ANN = User(name="ann", uid=1000, home="/home/ann", groups=("ann",), listed_groups=("ann",))
# a bare machine, whose user is no root
NOTHING = Seen(user=ANN, link=BARE)


def distribution(name: str, *, is_wsl: bool = False) -> Distribution:
    """The distribution of one of OS_RELEASES, with the other files that it has."""
    return name_distribution(
        Signs(
            os_release=OS_RELEASES[name],
            unraid='version="7.2.0"\n' if name == "unraid" else "",
            truenas="25.10.1 TrueNAS\n" if name == "truenas" else "",
            synology='majorversion="7"\nproductversion="7.2.2"\n' if name == "synology" else "",
            apt=f"deb http://archive.example/debian {'bookworm' if name == 'debian-12' else 'trixie'} main\n",
            debian="13.1\n" if name == "debian-13" else "kali-rolling\n" if name == "kali" else "",
            is_ostree=name in {"silverblue", "bazzite"},
            is_wsl=is_wsl,
        )
    )


def bare(name: str, *, gpu: bool = False) -> Seen:
    """A bare machine of a distribution; gpu: with an NVIDIA GPU and its driver."""
    init = "openrc" if name == "alpine" else "systemd"
    found = replace(NOTHING, distribution=distribution(name), init=init)  # type: ignore[arg-type]
    return replace(found, cards=frozenset({"nvidia"}), driver="580.95.05") if gpu else found
