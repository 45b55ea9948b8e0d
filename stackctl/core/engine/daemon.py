"""The messages of a container engine that does not start, and of programs that do not reach it."""

from typing import Final

from stackctl.contracts.cause import Cause
from stackctl.contracts.signature import Signature

_DAEMON: Final = "moby/moby: cmd/dockerd"
_TROUBLE: Final = "https://docs.docker.com/engine/daemon/troubleshoot/"
DAEMON: Final = (
    Signature(
        marks=(
            "unable to configure the Docker daemon with file", "directives are specified both as a flag",
            "don't match any configuration option", "invalid character", "cannot unmarshal",
        ),
        pattern=r"unable to configure the Docker daemon|both as a flag and in the configuration|don't match any "
        r"configuration"
        r"|daemon\.json.{0,80}(?:invalid character|cannot unmarshal)",
        cause=Cause(
            says="the engine can't use its configuration file /etc/docker/daemon.json",
            hint="Run `sudo dockerd --validate`, correct what it names, and start the engine again.",
            issue="engine-configuration-invalid",
            source="https://docs.docker.com/engine/daemon/troubleshoot/#unable-to-connect-to-the-docker-daemon",
        ),
    ),
    Signature(
        marks=("docker.service is masked", "docker.socket is masked"),
        cause=Cause(
            says="the engine's service is masked, so that systemd does not start it",
            hint="Run `sudo systemctl unmask docker.service docker.socket`, then `sudo systemctl start docker`.",
            issue="engine-not-running",
            source="https://www.freedesktop.org/software/systemd/man/latest/systemctl.html",
        ),
    ),
    Signature(
        marks=("ensure docker is not running", "pid file found", "docker.pid"),
        pattern=r"ensure docker is not running|pid file found|process with PID \d+ is still running",
        cause=Cause(
            says="another engine runs already, or left its PID file behind",
            hint="Run `ps -C dockerd`; stop the other one, or remove /var/run/docker.pid if there is none.",
            issue="engine-not-running",
            source=_DAEMON,
        ),
    ),
    Signature(
        marks=("graphdriver", "storage driver", "overlay", "d_type"),
        pattern=r"error initializing graphdriver|driver not supported|prior storage driver|without d_type support"
        r"|failed to mount overlay|storage driver .{0,60}(?:failed|not supported)",
        cause=Cause(
            says="the engine's storage driver does not work on this disk or kernel",
            hint="Check `storage-driver` in /etc/docker/daemon.json and the file system of /var/lib/docker; reboot "
            "after "
            "an update of the kernel.",
            issue="engine-not-running",
            source="https://docs.docker.com/engine/storage/drivers/select-storage-driver/",
        ),
    ),
    Signature(
        marks=("containerd",),
        pattern=r"failed to (?:connect to|dial|start) .{0,40}containerd|timeout waiting for containerd|containerd "
        r"did not exit"
        r"|dial .{0,60}containerd\.sock.{0,60}(?:refused|no such file|deadline)",
        cause=Cause(
            says="the engine does not reach containerd, which runs its containers",
            hint="Run `sudo systemctl restart containerd`, then `sudo systemctl restart docker`.",
            issue="engine-not-running",
            source=_DAEMON,
        ),
    ),
    Signature(
        marks=(
            "permission denied while trying to connect to the docker",
            "Got permission denied while trying to connect", "connect: permission denied",
            "docker.sock: permission denied", "Connection aborted.', PermissionError",
        ),
        unless=("containerd",),
        cause=Cause(
            says="this user may not use the engine's socket",
            hint="Run `sudo usermod -aG docker $USER` and log in again, or use sudo.",
            issue="engine-permission",
            source="https://docs.docker.com/engine/install/linux-postinstall/",
        ),
    ),
    Signature(
        marks=(
            "Cannot connect to the Docker daemon", "error during connect", "docker daemon is not running",
            "Is the docker daemon running", "Couldn't connect to Docker daemon",
            "FileNotFoundError(2, 'No such file or directory')",
        ),
        cause=Cause(
            says="the engine does not run, or not where the program looks for it",
            hint="Start it with `sudo systemctl start docker` (or Docker Desktop), and check DOCKER_HOST and "
            "`docker context ls`.",
            issue="engine-not-running",
            source=_TROUBLE,
        ),
    ),
    Signature(
        marks=("docker: command not found", "docker: not found", "'docker' is not recognized"),
        pattern=r"(?:^|\s|')docker'?: (?:command )?not found|'docker' is not recognized",
        cause=Cause(
            says="the docker command is not installed",
            hint="Install Docker: https://docs.docker.com/engine/install/ .",
            issue="docker-command-missing",
            source="https://docs.docker.com/engine/install/",
        ),
    ),
    Signature(
        marks=(
            "docker-compose: command not found", "docker-compose: not found", "'compose' is not a docker command",
            "unknown shorthand flag: 'd' in -d", "unknown command: docker compose",
        ),
        cause=Cause(
            says="Docker Compose is not installed",
            hint="Install the package docker-compose-plugin, or docker-compose-v2 of Ubuntu; the command is "
            "`docker compose`.",
            issue="compose-missing",
            source="https://docs.docker.com/compose/install/linux/",
        ),
    ),
    Signature(
        marks=(
            "Maximum supported API version", "Minimum supported API version", "client is newer than server",
            "client version",
        ),
        pattern=r"client version \S+ is too (?:new|old)|client is newer than server|M(?:ax|in)imum supported API "
        r"version",
        cause=Cause(
            says="the docker command and the engine are of versions that do not understand each other",
            hint="Update the older one; DOCKER_API_VERSION may name one that both know.",
            issue="engine-too-old",
            source="https://docs.docker.com/reference/api/engine/",
        ),
    ),
    Signature(
        marks=("can't create unix socket", "failed to load listeners", "no sockets found"),
        cause=Cause(
            says="the engine can't open its socket",
            hint="Run `sudo systemctl restart docker.socket docker`; remove /var/run/docker.sock if it is a folder.",
            issue="engine-not-running",
            source=_DAEMON,
        ),
    ),
    Signature(
        marks=("iptables", "nat chain", "ip_tables", "nf_tables"),
        pattern=r"(?:failed to start|error starting) daemon.{0,400}(?:ip6?tables|nat chain|nf_tables)",
        cause=Cause(
            says="the engine does not start: it can't set its firewall rules (iptables)",
            hint="Reboot after an update of the kernel, so that its modules load; check that iptables is installed "
            "(`sudo iptables -t nat -L`).",
            issue="engine-not-running",
            source="https://docs.docker.com/engine/network/packet-filtering-firewalls/",
        ),
    ),
    Signature(
        marks=(
            "Failed to start daemon", "Error starting daemon", "Failed to start Docker Application Container Engine",
            "Failed to start docker.service", "docker.service: Failed with result",
            "docker.service: Start operation timed out", "docker.service failed because",
            "docker.service: Start request repeated too quickly",
        ),
        cause=Cause(
            says="the engine does not start",
            hint="Run `sudo journalctl -u docker -e`, or `sudo dockerd --debug`, and read its first error.",
            is_generic=True,
            issue="engine-not-running",
            source=_TROUBLE,
        ),
    ),
)  # fmt: skip
HOST: Final = (
    Signature(
        marks=("NVRM: API mismatch", "Driver/library version mismatch"),
        cause=Cause(
            says="the loaded NVIDIA driver is not the installed one: it was updated while it ran",
            hint="Reboot the machine.",
            kind="gpu",
            issue="gpu-driver-mismatch",
            source="https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/troubleshooting.html",
        ),
    ),
    Signature(
        marks=("Failed to initialize NVML: Insufficient Permissions",),
        cause=Cause(
            says="this user may not open the GPU's device files",
            hint="Run `ls -l /dev/nvidia*`, and allow all users to read and write them (NVreg_DeviceFileMode=0666).",
            kind="gpu",
            issue="gpu-permission",
            source="https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/troubleshooting.html",
        ),
    ),
    Signature(
        marks=("Failed to initialize NVML: Unknown Error",),
        cause=Cause(
            says="a running container has lost its GPU, mostly after `systemctl daemon-reload`",
            hint="Restart the container; give it the GPU by CDI, which keeps it.",
            kind="gpu",
            issue="gpu-lost",
            source="https://github.com/NVIDIA/nvidia-container-toolkit/issues/48",
        ),
    ),
    Signature(
        marks=("couldn't communicate with the NVIDIA driver", "nvidia-smi: command not found", "Driver Not Loaded"),
        cause=Cause(
            says="the NVIDIA driver is not installed or not loaded",
            hint="Install the driver, reboot, and check that `nvidia-smi` works on the host.",
            kind="gpu",
            issue="gpu-driver-missing",
            source="https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/",
        ),
    ),
    Signature(
        marks=("NVRM: Xid", "GPU has fallen off the bus", "amdgpu: GPU reset", "ring gfx", "GPU reset begin"),
        pattern=r"NVRM: Xid|fallen off the bus|GPU reset|ring gfx.{0,40}timeout",
        cause=Cause(
            says="the GPU reports a fault or was reset",
            hint="Look the number behind Xid up, reboot, and check power supply, cooling and driver.",
            kind="gpu",
            issue="gpu-failed",
            source="https://docs.nvidia.com/deploy/xid-errors/",
        ),
    ),
    Signature(
        marks=("Transport endpoint is not connected", "Stale file handle", "Host is down", "Input/output error"),
        pattern=r"Transport endpoint|Stale (?:NFS )?file handle|Host is down|(?:read|open|mount|stat|nfs"
        r"|cifs).{0,120}Input/output error",
        cause=Cause(
            says="a disk or network share does not answer",
            hint="Check its server and connection, and mount it again; `sudo dmesg` shows a failing disk.",
            kind="config",
            issue="disk-not-mounted",
            source="https://man7.org/linux/man-pages/man3/errno.3.html",
        ),
    ),
)  # fmt: skip
