"""The machine and its operating system."""

from typing import Final

from stackctl.issues.issue import Issue

ISSUES: Final = (
    Issue(id="cgroup-version-1", title="the machine uses cgroup version 1", kind="engine"),
    Issue(id="cgroup-limits-missing", title="the kernel can't limit a container's memory or processor", kind="engine"),
    Issue(id="apparmor-incomplete", title="AppArmor is on, and its program is missing", kind="engine"),
    Issue(id="selinux-denies", title="SELinux denies the engine what the stack needs", kind="engine"),
    Issue(id="clock-wrong", title="the machine's clock is wrong", kind="engine"),
    Issue(id="reboot-needed", title="the machine waits for a reboot", kind="engine"),
    Issue(
        id="processor-lacks-instructions",
        title="the processor lacks instructions that the backend needs",
        kind="config",
    ),
    Issue(id="memory-low", title="the machine has little memory left", kind="does_not_fit"),
    Issue(id="limits-too-small", title="a limit of this shell or container is too small", kind="does_not_fit"),
    Issue(id="swap-missing", title="the machine has no swap", kind="does_not_fit"),
    Issue(id="swap-in-use", title="the machine swaps", kind="does_not_fit"),
)
