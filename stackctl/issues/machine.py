"""The machine and its operating system."""

from typing import Final

from stackctl.issues.issue import Issue

ISSUES: Final = (
    Issue(
        id="cgroup-version-1",
        title="the machine uses cgroup version 1",
        kind="engine",
        is_warning=True,
        meaning="Control groups of version 1 still work, but Docker Engine and systemd are about to drop them, and "
        "limits of memory and swap work less well with them.",
        seen="`stackctl doctor` asks the engine which version it uses.",
        repair="Distributions since 2021 (Debian 11, Ubuntu 21.10, Fedora 31) use version 2. On an older one, or "
        "where the kernel's command line says otherwise, remove `systemd.unified_cgroup_hierarchy=0` from it in "
        "`/etc/default/grub`, run `sudo update-grub`, and reboot. On a NAS only an update of its system changes it.",
        undo="Write the option back, run `sudo update-grub`, and reboot.",
        sources=("https://docs.docker.com/engine/containers/runmetrics/#control-groups",),
    ),
    Issue(
        id="cgroup-limits-missing",
        title="the kernel can't limit a container's memory or processor",
        kind="engine",
        meaning="The limits under `[limits]` in stack.toml have no effect, or the engine refuses them. A backend that "
        "takes too much memory then slows down the whole machine.",
        seen='The engine reports which limits its kernel supports; at a start it refuses one with "NanoCPUs can not '
        'be set".',
        repair="For processors: remove `limits.backend_cpus` and `limits.sillytavern_cpus` from stack.toml, then run "
        "`stackctl deploy`. For memory on Debian, Ubuntu and Raspberry Pi OS: add `cgroup_enable=memory "
        "swapaccount=1` to the kernel's command line, and reboot. The kernels of some NAS systems have no such limits "
        "at all.",
        undo="Remove the options from the kernel's command line, and reboot.",
        sources=("https://docs.docker.com/engine/containers/resource_constraints/",),
    ),
    Issue(
        id="apparmor-incomplete",
        title="AppArmor is on, and its program is missing",
        kind="engine",
        meaning="The kernel wants a profile of AppArmor for each container, and the engine can't load its own without "
        "the program `apparmor_parser`. No container starts.",
        seen="`stackctl doctor` reads whether the kernel has AppArmor on, and looks for `apparmor_parser` where the "
        "engine finds it.",
        repair="Install the package `apparmor` (`sudo apt-get install apparmor`), then run `sudo systemctl restart "
        "docker`.",
        undo="`sudo apt-get remove apparmor`.",
        sources=("https://docs.docker.com/engine/security/apparmor/",),
    ),
    Issue(
        id="selinux-denies",
        title="SELinux denies the engine what the stack needs",
        kind="engine",
        meaning="SELinux is enforced, and the labels of the stack's folder or of the models do not let containers "
        'read them. The services fail with "permission denied", although owners and modes are right.',
        seen="`stackctl doctor` reads the labels of the folders that the stack mounts, and whether SELinux is "
        "enforced.",
        repair="`sudo chcon -R -t container_file_t FOLDER` for the folder that is named. `sudo ausearch -m avc -ts "
        "recent` shows what was denied.",
        undo="`sudo restorecon -R FOLDER` gives the folder its usual labels back.",
        sources=("https://docs.docker.com/engine/storage/bind-mounts/#configure-the-selinux-label",),
    ),
    Issue(
        id="clock-wrong",
        title="the machine's clock is wrong",
        kind="engine",
        meaning="With a clock that is off, certificates seem to be not valid yet or no longer, so that images and "
        "models can't be fetched, and the times of logs and backups mislead.",
        seen="`stackctl doctor` compares the clock with the date that the registry and the hub send; five minutes are "
        "tolerated.",
        repair="`sudo timedatectl set-ntp true` sets it by the network from now on; `stackctl doctor --fix` does it "
        'after one yes. By hand: `sudo date --set "2026-01-31 12:00"`. In a virtual machine set the host\'s clock.',
        undo="`sudo timedatectl set-ntp false`.",
        sources=("https://www.freedesktop.org/software/systemd/man/latest/timedatectl.html",),
    ),
    Issue(
        id="reboot-needed",
        title="the machine waits for a reboot",
        kind="engine",
        meaning="The kernel that runs is not the one whose modules are installed, or an update asks for a reboot. "
        "Docker's networks, file systems or a GPU may fail as soon as they need a module that is no longer there.",
        seen="`stackctl doctor` compares the running kernel with `/lib/modules`, and looks for `/run/reboot-required`.",
        repair="`sudo reboot` when it suits you. The stack starts again by itself if it ran before.",
        sources=("https://wiki.debian.org/AutomaticUpdates",),
    ),
    Issue(
        id="processor-lacks-instructions",
        title="the processor lacks instructions that the backend needs",
        kind="config",
        meaning="The backend's program was built for processors with AVX or AVX2, and this one, or the virtual "
        'machine, does not offer them. The program ends with "illegal instruction", or is much slower than it could '
        "be.",
        seen="`stackctl doctor` reads `/proc/cpuinfo`; a start fails with the signal 4 (exit code 132).",
        repair="In a virtual machine give it the CPU type `host`, so that it sees the processor as it is. Else use a "
        "build for older processors (`backend.image` in stack.toml), or another backend: `stackctl deploy --backend "
        "llamacpp`.",
        undo="Set the key back to what it was, and run `stackctl deploy`.",
        sources=("https://github.com/ggml-org/llama.cpp/blob/master/docs/build.md",),
    ),
    Issue(
        id="memory-low",
        title="the machine has little memory left",
        kind="does_not_fit",
        meaning="If memory runs out, the kernel ends programs, mostly the largest: the backend.",
        seen="`stackctl doctor` reads MemAvailable in `/proc/meminfo`.",
        repair="`ps aux --sort=-rss | head` shows what takes most; end what is not needed. A smaller context or "
        "quantisation helps as well: `stackctl models fit MODEL` shows what each takes. `stackctl free` unloads the "
        "model until the next message.",
    ),
    Issue(
        id="limits-too-small",
        title="a limit of this shell or container is too small",
        kind="does_not_fit",
        meaning="The shell that stackctl was started from allows its programs too little: memory, threads, open files "
        "or the size of files. The machine itself has enough.",
        seen="A program was refused more of it by the system; the message names the limit with its value.",
        repair="`ulimit -a` shows the limits. The hint has the command that lifts the one in this shell, such as "
        "`ulimit -v unlimited`; or start stackctl from a fresh login. In a container, raise the limits that it was "
        "started with.",
        undo="The limit holds for this shell alone, and is gone with it.",
        sources=("https://man7.org/linux/man-pages/man2/getrlimit.2.html",),
    ),
    Issue(
        id="swap-missing",
        title="the machine has no swap",
        kind="does_not_fit",
        is_warning=True,
        meaning="On a small machine without swap the kernel ends programs as soon as memory is used up, even if half "
        "of it is only rarely used.",
        seen="`stackctl doctor` reads `/proc/meminfo`: no swap, and little memory.",
        repair="Add a swap file: `sudo fallocate -l 4G /swapfile && sudo chmod 600 /swapfile && sudo mkswap /swapfile "
        "&& sudo swapon /swapfile`, and a line for it in `/etc/fstab`. On Btrfs, and for zram, see the source below.",
        undo="`sudo swapoff /swapfile && sudo rm /swapfile`, and remove the line from `/etc/fstab`.",
        sources=("https://wiki.debian.org/Swap",),
    ),
    Issue(
        id="swap-in-use",
        title="the machine swaps",
        kind="does_not_fit",
        is_warning=True,
        meaning="Memory is full, and parts of programs lie on the disk. If the model is among them, each token waits "
        "for the disk.",
        seen="`stackctl doctor` reads the used swap in `/proc/meminfo`, and how long programs waited for memory in "
        "`/proc/pressure/memory`.",
        repair="End what else takes memory, or use a smaller model or context: `stackctl models fit MODEL` shows what "
        "each takes. `stackctl restart` brings a swapped-out model back into memory.",
    ),
)
