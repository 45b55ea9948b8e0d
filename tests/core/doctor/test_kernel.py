"""Control groups, security modules, the kernel's modules, a reboot that is due."""

from pathlib import PurePosixPath

import pytest

from stackctl.contracts.engine import EngineDetails
from stackctl.contracts.finding import Finding
from stackctl.contracts.system import User
from stackctl.core.doctor.kernel import (
    Label,
    judge_apparmor,
    judge_cgroups,
    judge_cpu_limit,
    judge_modules,
    judge_reboot,
    judge_selinux,
)

ROOT, USER = User(name="root", uid=0), User(name="ann", uid=1000)
DOCKER = PurePosixPath("/var/lib/docker")
LOADED = "veth 45056 0 - Live 0x0\nbridge 421888 1 br_netfilter, Live 0x0\noverlay 217088 2 - Live 0x0\n"


def details(**given: object) -> EngineDetails:
    return EngineDetails(root=DOCKER, image_folder=DOCKER, **{"cgroup_version": 2, **given})  # type: ignore[arg-type]


def issues(found: tuple[Finding, ...]) -> list[tuple[str, str]]:
    return [(one.issue, one.severity) for one in found]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, []),
        ({"cgroup_version": 0}, []),  # an old engine does not tell
        ({"cgroup_version": 1}, [("cgroup-version-1", "warning")]),
        ({"limits_memory": False}, [("cgroup-limits-missing", "warning")]),
        (
            {"cgroup_version": 1, "limits_memory": False},
            [("cgroup-version-1", "warning"), ("cgroup-limits-missing", "warning")],
        ),
    ],
)
def test_control_groups(given: dict[str, object], found: list[tuple[str, str]]) -> None:
    assert issues(judge_cgroups(details(**given), "root=/dev/sda1", USER)) == found


def test_a_word_of_the_boot_line_that_chooses_version_1_is_named() -> None:
    (found,) = judge_cgroups(details(cgroup_version=1), "quiet systemd.unified_cgroup_hierarchy=0 ro", USER)
    assert found.hint.startswith("Remove `systemd.unified_cgroup_hierarchy=0` from the kernel's command line")


def test_a_rootless_engine_gets_its_limits_from_systemd() -> None:
    (found,) = judge_cgroups(details(limits_memory=False, security=frozenset({"rootless"})), "", USER)
    assert found.hint.startswith("Let systemd give your user the memory controller")


def test_a_limit_of_processors_is_missed_only_where_one_is_set() -> None:
    none = details(limits_cpus=False)
    assert judge_cpu_limit(none, []) == ()
    assert judge_cpu_limit(details(), ["limits.backend_cpus"]) == ()
    (found,) = judge_cpu_limit(none, ["limits.backend_cpus"])
    assert "`limits.backend_cpus` of stack.toml has no effect" in found.says


@pytest.mark.parametrize(
    ("is_on", "has_parser", "listed", "profiles", "is_broken"),
    [
        (True, False, True, None, True),
        (True, True, True, None, False),
        (False, False, True, None, False),
        (True, False, False, None, False),  # the engine does not use it
        (True, False, True, "docker-default (enforce)\n", False),  # it was loaded before, or by the machine around
        (True, False, True, "/usr/bin/man (enforce)\n", True),
    ],
)
def test_apparmor_needs_its_parser(
    is_on: bool, has_parser: bool, listed: bool, profiles: str | None, is_broken: bool
) -> None:
    engine = details(security=frozenset({"apparmor"} if listed else set()))
    found = judge_apparmor(engine, is_on=is_on, has_parser=has_parser, profiles=profiles, user=USER)
    assert issues(found) == ([("apparmor-incomplete", "failure")] if is_broken else [])


def test_a_hint_has_sudo_only_for_those_who_are_not_root() -> None:
    engine = details(security=frozenset({"apparmor"}))
    hints = [
        judge_apparmor(engine, is_on=True, has_parser=False, profiles=None, user=one)[0].hint for one in (ROOT, USER)
    ]
    assert "`apt-get install apparmor`" in hints[0]
    assert "`sudo apt-get install apparmor`" in hints[1]


@pytest.mark.parametrize(
    ("is_enforcing", "listed", "label", "is_denied"),
    [
        (True, True, "unconfined_u:object_r:user_home_t:s0", True),
        (True, True, "system_u:object_r:container_file_t:s0", False),
        (True, False, "unconfined_u:object_r:user_home_t:s0", False),  # Docker's own packages confine nothing
        (False, True, "unconfined_u:object_r:user_home_t:s0", False),
        (True, True, "?", False),  # a file system without labels
    ],
)
def test_selinux_denies_a_folder_by_its_type(is_enforcing: bool, listed: bool, label: str, is_denied: bool) -> None:
    engine = details(security=frozenset({"selinux"} if listed else set()))
    folder = Label(folder=PurePosixPath("/home/ann/chat"), label=label)
    found = judge_selinux(engine, is_enforcing=is_enforcing, labels=[folder], user=USER)
    assert issues(found) == ([("selinux-denies", "failure")] if is_denied else [])
    if is_denied:
        assert found[0].hint == "Run `sudo chcon -R -t container_file_t /home/ann/chat`."


@pytest.mark.parametrize(
    ("here", "loaded", "is_needed", "found"),
    [
        (["6.12.1"], LOADED, True, []),
        (["6.12.1", "6.12.9"], "", True, []),
        (["6.12.9"], LOADED, True, [("reboot-needed", "warning")]),
        (["6.12.9"], "overlay 217088 2 - Live 0x0\n", True, [("reboot-needed", "failure")]),
        (["6.12.9"], LOADED, False, []),  # no engine uses this kernel
        (["6.12.9"], "", True, []),  # a kernel without modules, as some hosts give it
        ([], LOADED, True, []),  # a system without /lib/modules
    ],
)
def test_a_kernel_whose_modules_were_removed_needs_a_reboot(
    here: list[str], loaded: str, is_needed: bool, found: list[tuple[str, str]]
) -> None:
    assert issues(judge_modules("6.12.1", here, loaded, USER, is_needed=is_needed)) == found


def test_it_is_said_which_modules_are_missing() -> None:
    (found,) = judge_modules("6.12.1", ["6.12.9"], "bridge 421888 1 - Live 0x0\n", ROOT, is_needed=True)
    assert "veth can't be loaded: no container gets a network" in found.says
    assert found.hint == "Reboot: `reboot`."


def test_a_reboot_that_the_system_asks_for_is_a_warning() -> None:
    assert judge_reboot(None, USER, is_marked=False) == ()
    (found,) = judge_reboot("linux-image-6.12.9\nlinux-base\nlinux-base\n", USER, is_marked=True)
    assert (found.issue, found.severity) == ("reboot-needed", "warning")
    assert found.evidence == ("/run/reboot-required is there", "linux-image-6.12.9", "linux-base")


def test_lines_of_files_are_cleaned_and_bounded() -> None:
    (found,) = judge_reboot(
        "\x1b]0;owned\x07evil\n" + "x" * 5000 + "\n" * 9 + "a\nb\nc\nd\ne\nf\n", USER, is_marked=True
    )
    assert len(found.evidence) <= 7
    assert all(len(line) <= 200 and "\x1b" not in line for line in found.evidence)
