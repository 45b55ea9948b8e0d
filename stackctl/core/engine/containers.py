"""The engine's messages about containers, networks, ports and mounts."""

from typing import Final

from stackctl.contracts.cause import Cause
from stackctl.contracts.signature import Signature

_RUNC: Final = "opencontainers/runc: libcontainer"
_MOBY: Final = "moby/moby: daemon"
_NETWORKS: Final = "moby/moby: daemon/libnetwork"
CONTAINERS: Final = (
    Signature(
        marks=("nvidia-container-runtime", "nvidia-container-toolkit", "nvidia-container-runtime-hook"),
        pattern=r"exec: \"?\S*nvidia-container\S* executable file not found|fork/exec \S*nvidia-container\S*: no "
        r"such file",
        cause=Cause(
            says="the NVIDIA Container Toolkit is not installed, though the engine is set to use it",
            hint="Install the NVIDIA Container Toolkit, then run `sudo nvidia-ctk runtime configure "
            "--runtime=docker && "
            "sudo systemctl restart docker`.",
            kind="gpu",
            issue="gpu-not-offered",
            source="https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html",
        ),
    ),
    Signature(
        marks=(
            "exec format error", "no matching manifest for", "image operating system",
            "does not match the specified platform",
        ),
        pattern=r"exec format error|no matching manifest for|cannot be used on this platform|does not match the "
        r"specified",
        cause=Cause(
            says="the image or its program is for another kind of processor or system than this machine's",
            hint="Use an image for this machine (`docker info` shows its architecture), or build one here.",
            kind="config",
            issue="image-other-platform",
            source="https://docs.docker.com/build/building/multi-platform/",
        ),
    ),
    Signature(
        marks=(
            "executable file not found", "no such file or directory",
            "attempted to invoke a command that was not found", ": permission denied",
        ),
        pattern=r"exec: \"[^\"]{1,200}\": (?:executable file not found|stat |permission denied|is a directory)"
        r"|starting container process caused: .{0,40}exec|exec \S{1,200}: no such file|unable to start container "
        r"process: exec"
        r"|invoke a command that was not found",
        unless=("nvidia",),
        cause=Cause(
            says="the image does not contain the program that its service starts, or that program may not be run",
            hint="Check the image's name and the service's `command` and `entrypoint`; a script needs `chmod +x` and "
            "Unix line ends. A mount may hide it, too.",
            kind="config",
            issue="image-lacks-program",
            source=_RUNC,
        ),
    ),
    Signature(
        marks=("Conflict. The container name", "container name \""),
        pattern=r"container name .{1,200} is already in use",
        cause=Cause(
            says="another container has this name",
            hint="Run `docker rm -f NAME` if it is not needed, or choose another name.",
            kind="config",
            issue="name-taken",
            source=_MOBY,
        ),
    ),
    Signature(
        marks=("Are you trying to mount a directory onto a file", "not a directory: unknown", "is not a directory"),
        pattern=r"mount a directory onto a file|(?:mount|rootfs).*not a directory",
        cause=Cause(
            says="a mount joins a file with a folder: the file did not exist, so that the engine made a folder there",
            hint="Remove that folder, create the file, and start again.",
            kind="config",
            issue="folder-not-seen",
            source=_RUNC,
        ),
    ),
    Signature(
        marks=(
            "while creating mount source path", "bind source path does not exist", "error mounting",
            "failed to fulfil mount request", "Mounts denied", "failed to mount local volume",
            "error while mounting volume",
        ),
        unless=("nvidia", "libcuda", "/dev/dri"),
        cause=Cause(
            says="the engine can't mount a file or folder into the container",
            hint="Check that the path exists on the engine's machine and that its disk or share is mounted; Docker "
            "from "
            "a snap and Docker Desktop see only some folders.",
            kind="config",
            issue="folder-not-seen",
            source=_RUNC,
        ),
    ),
    Signature(
        marks=("failed to copy file info", "failed to chown", "chown ", "lchown"),
        pattern=r"(?:failed to copy file info|failed to chown|l?chown) .{0,200}(?:operation not permitted|invalid "
        r"argument)",
        unless=("read-only file system", "changing ownership"),
        cause=Cause(
            says="a file system keeps no owners: it refuses to change that of a file",
            hint="Put the folder on a disk of this machine; for NFS use no_root_squash, for CIFS the options uid "
            "and gid.",
            kind="config",
            issue="folder-keeps-no-permissions",
            source=_MOBY,
        ),
    ),
    Signature(
        marks=("cgroup",),
        pattern=r"cannot find cgroup mount|no cgroup mount found|cgroup mountpoint does not exist|devices cgroup "
        r"isn't mounted"
        r"|unable to apply cgroup configuration|applying cgroup configuration for process"
        r"|namespace .{0,4}cgroup.{0,8}does not exist|failed to write .{0,60}cgroup|error setting cgroup config"
        r"|mountpoint for \w+ not found|unable to freeze",
        unless=("nvidia",),
        cause=Cause(
            says="the engine can't place the container into the kernel's cgroups",
            hint="Update the engine and its runtime (runc, containerd), and reboot; in LXC or WSL check that "
            "cgroups are "
            "mounted.",
            issue="container-not-created",
            source="https://docs.docker.com/engine/containers/runmetrics/#control-groups",
        ),
    ),
    Signature(
        marks=("Your kernel does not support",),
        pattern=r"(?:memory|swap|cpu).{0,60}(?:discarded|not mounted|without swap)",
        unless=("swap limit capabilities", "without swap"),
        cause=Cause(
            says="the kernel can't limit a container's memory or processor, and the limit is ignored",
            hint="Add `cgroup_enable=memory` to the kernel's command line and reboot, or remove the limit.",
            issue="cgroup-limits-missing",
            source="https://docs.docker.com/engine/containers/resource_constraints/",
        ),
        when="run",
    ),
    Signature(
        marks=("apparmor",),
        pattern=r"apparmor failed to apply profile|default profile could not be loaded"
        r"|apparmor_parser.{0,80}(?:not found|no such file)"
        r"|apparmor=\"DENIED\"",
        cause=Cause(
            says="AppArmor keeps the container from starting or from a file",
            hint="Install the package apparmor and restart the engine; `sudo dmesg` names what was denied.",
            issue="apparmor-incomplete",
            source="https://docs.docker.com/engine/security/apparmor/",
        ),
    ),
    Signature(
        marks=("avc:  denied", "avc: denied"),
        cause=Cause(
            says="SELinux denies a container what it wants to do",
            hint="Mount the folder with `:z`, or label it with `sudo chcon -Rt container_file_t FOLDER`.",
            issue="selinux-denies",
            source="https://docs.docker.com/engine/storage/bind-mounts/#configure-the-selinux-label",
        ),
    ),
    Signature(
        marks=(
            "cannot expose privileged port", "bind: permission denied", "cannot assign requested address",
            "forbidden by its access permissions",
        ),
        cause=Cause(
            says="the engine can't listen on this port or address: it is not this machine's, or needs more rights",
            hint="Use a port from 1024 on and an address of this machine, which `ip addr` lists.",
            kind="config",
            issue="port-taken",
            source=_NETWORKS,
        ),
    ),
    Signature(
        marks=(
            "Failed to bind: EADDRINUSE", "port is already allocated", "Ports are not available",
            "bind: address already in use", "bind for 0.0.0.0", "address already in use",
        ),
        pattern=r"EADDRINUSE|already allocated|not available|address already in use|failed: port",
        unless=("container name", "127.0.0.11:53"),
        cause=Cause(
            says="a port is taken by another program or container",
            hint="Stop the other one, which `docker ps` and `sudo ss -ltnp` show, or choose another port.",
            kind="config",
            issue="port-taken",
            source=_NETWORKS,
        ),
    ),
    Signature(
        marks=(
            "could not find an available, non-overlapping", "predefined address pools have been fully subnetted",
            "could not find an available predefined network", "no available network",
        ),
        cause=Cause(
            says="the engine has no free subnet left for another network",
            hint="Run `docker network prune`, end a VPN that takes all private addresses, or add "
            "`default-address-pools` to /etc/docker/daemon.json.",
            kind="config",
            issue="subnets-used-up",
            source="https://docs.docker.com/engine/network/#subnet-allocation",
        ),
    ),
    Signature(
        marks=("iptables", "nftables"),
        pattern=r"No chain/target/match by that name|(?:can't|cannot) initialize ip6?tables table|Table does not "
        r"exist|do you need to insmod"
        r"|iptables: not found|executable file not found|failed to create (?:NAT|FILTER) chain|RULE_APPEND failed"
        r"|Failed to (?:Setup|program) |unable to (?:enable|insert|add)",
        cause=Cause(
            says="the engine can't set its firewall rules (iptables)",
            hint="Run `sudo systemctl restart docker` after changes of the firewall; after an update of the kernel "
            "reboot, so that its modules load.",
            issue="engine-refused",
            source="https://docs.docker.com/engine/network/packet-filtering-firewalls/",
        ),
    ),
    Signature(
        marks=("pair interfaces", "failed to set MTU"),
        pattern=r"(?:pair interfaces|set MTU).{0,300}(?:not supported|invalid argument)",
        cause=Cause(
            says="the kernel can't make a container's network: it was mostly updated, and its modules no longer fit",
            hint="Reboot the machine; if that does not help, run `sudo modprobe veth bridge`.",
            issue="reboot-needed",
            source="https://github.com/moby/moby/issues/42229",
        ),
    ),
    Signature(
        marks=(
            "Pool overlaps with other one", "invalid pool request",
            "is already used on the host or by another config",
        ),
        cause=Cause(
            says="a subnet collides with that of another network",
            hint="Run `docker network ls` and `ip route`, which show those in use, and choose another subnet.",
            kind="config",
            issue="subnet-overlaps-route",
            source=_NETWORKS,
        ),
    ),
    Signature(
        marks=("network",),
        pattern=r"(?:for service \S{1,80}: |CreateEndpoint: |daemon: )network \S{1,80} not found",
        cause=Cause(
            says="a container's network was removed",
            hint="Run `docker compose up -d --force-recreate`.",
            issue="container-not-created",
            source=_NETWORKS,
        ),
    ),
    Signature(
        marks=("has active endpoints",),
        cause=Cause(
            says="a network can't be removed: a container still uses it",
            hint="Run `docker network inspect NETWORK`, and stop the containers that it lists.",
            issue="network-in-use",
            source=_NETWORKS,
        ),
    ),
    Signature(
        marks=(
            "oom-kill:", "Memory cgroup out of memory", "Out of memory: Killed process",
            "Out of memory: Kill process",
        ),
        pattern=r"oom-kill|out of memory: Kill",
        cause=Cause(
            says="the kernel killed a program because the memory was used up",
            hint="Use a smaller model or context, raise the container's limit, or add swap.",
            kind="memory",
            issue="memory-limit-reached",
            source="https://docs.docker.com/engine/containers/resource_constraints/",
        ),
    ),
    Signature(
        marks=("context deadline exceeded",),
        unless=("http", "registry", "Get ", "pull"),
        cause=Cause(
            says="the engine or its runtime did not answer in time",
            hint="Run `sudo systemctl restart docker containerd`, and look at the load and the disk of the machine.",
            is_generic=True,
            issue="engine-no-answer",
            source="containerd/containerd: core/runtime",
        ),
    ),
    Signature(
        marks=(
            "OCI runtime create failed", "failed to create shim task", "failed to create task for container",
            "OCI runtime exec failed", "failed to set up container networking", "failed to create endpoint",
        ),
        cause=Cause(
            says="the engine's runtime could not start the container",
            hint="Read the end of the line; update the engine, runc and containerd, and reboot.",
            is_generic=True,
            issue="container-not-created",
            source=_RUNC,
        ),
    ),
)  # fmt: skip
