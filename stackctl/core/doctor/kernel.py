"""The kernel and what it offers to containers: limits, security modules, its own modules, a reboot that is due.

Sources: https://docs.docker.com/engine/deprecated/ (cgroup v1); https://github.com/moby/profiles (the engine loads its
AppArmor profile by apparmor_parser before it starts a container); https://docs.docker.com/engine/security/selinux/.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from stackctl.contracts.engine import EngineDetails
from stackctl.contracts.finding import Finding
from stackctl.contracts.system import User
from stackctl.core.doctor.commands import as_root
from stackctl.core.doctor.evidence import lines_of

# words of the kernel's command line by which systemd takes version 1
_OFF: Final = tuple(f"systemd.unified_cgroup_hierarchy={word}" for word in ("0", "no", "false"))
_NEEDED: Final = ("veth", "bridge")  # modules without which no container gets a network
_DELEGATION: Final = "https://rootlesscontaine.rs/getting-started/common/cgroup2/"
_ALLOWED: Final = frozenset({"container_file_t", "container_ro_file_t", "svirt_sandbox_file_t", "container_share_t"})
_MOST: Final = 6  # lines of evidence


def judge_cgroups(details: EngineDetails, boot_line: str, user: User) -> tuple[Finding, ...]:
    """Return what is wrong with the control groups. boot_line: the kernel's command line."""
    found = []
    if details.cgroup_version == 1:
        word = next((one for one in boot_line.split() if one in _OFF), "")
        hint = (
            f"Remove `{word}` from the kernel's command line, then reboot."
            if word
            else "Upgrade to a system that starts with cgroup version 2. Leave it as it is on a NAS or in a container, "
            "where the system decides."
        )
        found.append(
            Finding(
                issue="cgroup-version-1",
                severity="warning",
                says="control groups are of version 1, which Docker Engine and systemd will no longer support",
                hint=hint,
                evidence=("docker info: CgroupVersion 1",),
            )
        )
    if not details.limits_memory:
        rootless = "rootless" in details.security
        hint = (
            f"Let systemd give your user the memory controller: {_DELEGATION} ."
            if rootless
            else "Add `cgroup_enable=memory` to the kernel's command line (on a Raspberry Pi in "
            f"/boot/firmware/cmdline.txt), then run `{as_root(user, 'reboot')}`."
        )
        found.append(
            Finding(
                issue="cgroup-limits-missing",
                severity="warning",
                says="the engine can't limit a container's memory: a backend that takes too much slows all programs",
                hint=hint,
                evidence=("docker info: MemoryLimit false", *lines_of("\n".join(details.warnings), _MOST)),
            )
        )
    return tuple(found)


def judge_cpu_limit(details: EngineDetails, wanted: Collection[str]) -> tuple[Finding, ...]:
    """Return what is wrong if stack.toml limits processors. wanted: its keys that do, as limits.backend_cpus."""
    if details.limits_cpus or not wanted:
        return ()
    keys = " and ".join(f"`{one}`" for one in sorted(wanted))
    return (
        Finding(
            issue="cgroup-limits-missing",
            severity="warning",
            context="cpus",
            says=f"the engine can't limit processors, so {keys} of stack.toml has no effect",
            hint=f"Remove {keys} from stack.toml, or use a kernel with CONFIG_CFS_BANDWIDTH.",
            evidence=("docker info: CpuCfsQuota false",),
        ),
    )


def judge_apparmor(
    details: EngineDetails, *, is_on: bool, has_parser: bool, profiles: str | None, user: User
) -> tuple[Finding, ...]:
    """Return what is wrong with AppArmor. profiles: those that the kernel has, None if this user may not read them."""
    if not is_on or has_parser or "apparmor" not in details.security or "docker-default" in (profiles or ""):
        return ()
    install = as_root(user, "apt-get", "install", "apparmor")
    return (
        Finding(
            issue="apparmor-incomplete",
            says="the kernel has AppArmor on, and apparmor_parser is missing, by which the engine loads its profile",
            hint=f"Install it with `{install}` (its package is `apparmor` on other systems, too), then restart Docker.",
            evidence=("/sys/module/apparmor/parameters/enabled: Y", "docker info: name=apparmor"),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Label:
    """A folder that containers use, and its SELinux label, as system_u:object_r:container_file_t:s0."""

    folder: PurePosixPath
    label: str

    @property
    def type(self) -> str:
        return (*self.label.split(":"), "", "", "")[2]


def judge_selinux(
    details: EngineDetails, *, is_enforcing: bool, labels: Collection[Label], user: User
) -> tuple[Finding, ...]:
    """Return the folders that SELinux keeps from containers. An engine without SELinux's labels confines none."""
    if not is_enforcing or "selinux" not in details.security:
        return ()
    return tuple(
        Finding(
            issue="selinux-denies",
            context=str(one.folder),
            says=f"SELinux is enforced, and containers may not read files of the type {one.type}, as {one.folder} has",
            hint=f"Run `{as_root(user, 'chcon', '-R', '-t', 'container_file_t', one.folder)}`.",
            evidence=(f"{one.folder}: {one.label}", "/sys/fs/selinux/enforce: 1", "docker info: name=selinux"),
        )
        for one in labels
        if one.type and one.type not in _ALLOWED
    )


def judge_modules(
    kernel: str, here: Collection[str], loaded: str, user: User, *, is_needed: bool
) -> tuple[Finding, ...]:
    """Return whether the running kernel's modules are gone, as after an upgrade that removes the old ones.

    here: the versions in /lib/modules; loaded: /proc/modules; is_needed: the engine uses this kernel.
    """
    if not is_needed or not loaded.strip() or not here or kernel in here:
        return ()
    names = {line.split(" ", 1)[0] for line in loaded.splitlines()}
    missing = [one for one in _NEEDED if one not in names]
    lacks = f", and {' and '.join(missing)} can't be loaded: no container gets a network" if missing else ""
    newest = ", ".join(sorted(here)[-2:])
    return (
        Finding(
            issue="reboot-needed",
            severity="failure" if missing else "warning",
            says=f"kernel {kernel} runs, whose modules were removed (/lib/modules has {newest}){lacks}",
            hint=f"Reboot: `{as_root(user, 'reboot')}`.",
            evidence=(f"uname -r: {kernel}", f"/lib/modules: {', '.join(sorted(here)[-_MOST:])}"),
        ),
    )


def judge_reboot(packages: str | None, user: User, *, is_marked: bool) -> tuple[Finding, ...]:
    """Return whether the system asks for a reboot. packages: those that do, None if they are not named."""
    if not is_marked:
        return ()
    lines = lines_of(packages or "", _MOST)
    return (
        Finding(
            issue="reboot-needed",
            severity="warning",
            says=f"an upgrade waits for a reboot{f' ({lines[0]})' if len(lines) == 1 else ''}",
            hint=f"Reboot when it suits you: `{as_root(user, 'reboot')}`.",
            evidence=("/run/reboot-required is there", *lines),
        ),
    )
