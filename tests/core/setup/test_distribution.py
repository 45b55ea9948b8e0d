"""Distributions by their own files."""

import pytest

from stackctl.core.setup.distribution import Signs, name_distribution
from tests.core.setup.machines import OS_RELEASES, distribution


@pytest.mark.parametrize(
    ("name", "family", "codename"),
    [
        ("debian-11", "debian", "bullseye"),
        ("debian-12", "debian", "bookworm"),
        ("debian-13", "debian", "trixie"),
        ("debian-testing", "debian", "forky"),
        ("raspberry-pi-os", "debian", "bookworm"),
        ("lmde", "debian", "trixie"),
        ("kali", "debian", ""),
        ("ubuntu-22.04", "ubuntu", "jammy"),
        ("ubuntu-24.04", "ubuntu", "noble"),
        ("linux-mint", "ubuntu", "noble"),
        ("pop-os", "ubuntu", "jammy"),
        ("fedora", "fedora", ""),
        ("bazzite", "fedora", ""),
        ("rhel", "rhel", ""),
        ("rocky", "rhel", ""),
        ("arch", "arch", ""),
        ("manjaro", "arch", ""),
        ("opensuse-tumbleweed", "suse", ""),
        ("opensuse-leap-15", "suse", ""),
        ("alpine", "alpine", ""),
        ("nixos", "nixos", ""),
        ("gentoo", "other", ""),
        ("unraid", "unraid", ""),
        ("truenas", "truenas", ""),
        ("synology", "synology", ""),
    ],
)
def test_a_system_is_known_by_its_files(name: str, family: str, codename: str) -> None:
    found = distribution(name)
    assert (found.family, found.codename) == (family, codename)


@pytest.mark.parametrize(
    ("name", "fixed"),
    [
        ("silverblue", "rpm-ostree"),
        ("bazzite", "rpm-ostree"),
        ("opensuse-microos", "transactional"),
        ("steamos", "steamos"),
        ("fedora", ""),
        ("opensuse-tumbleweed", ""),
    ],
)
def test_a_system_that_packages_cant_change_is_known(name: str, fixed: str) -> None:
    assert distribution(name).fixed == fixed


def test_a_system_is_derived_if_it_is_built_on_its_family() -> None:
    derived = {name for name in OS_RELEASES if distribution(name).is_derived}
    assert derived == {"lmde", "kali", "linux-mint", "pop-os", "bazzite", "rocky", "manjaro", "steamos"}


def test_a_derived_debian_without_a_codename_has_the_number_of_its_debian() -> None:
    signs = Signs(os_release="ID=mx\nID_LIKE=debian\nVERSION_CODENAME=libretto", debian="12.9\n")
    assert name_distribution(signs).codename == "bookworm"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00\x1b[31m",
        "ID",
        "=",
        'ID="unclosed',
        "ID=debian\nVERSION_CODENAME=$(reboot)",
        "VERSION_ID=" + "9" * 4000,
    ],
)
def test_files_that_are_empty_damaged_or_hostile_are_read(text: str) -> None:
    found = name_distribution(Signs(os_release=text, unraid="", synology=text, truenas=text, debian=text))
    assert found.codename == ""
    assert "\x1b" not in found.name


def test_a_name_is_one_short_line() -> None:
    found = name_distribution(Signs(os_release="PRETTY_NAME='a\x1b[2J" + "b" * 500 + "'"))
    assert found.name == "a" + "b" * 59
