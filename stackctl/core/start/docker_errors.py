"""What Compose's and the engine's own error words mean, and what to do."""

import re
from collections.abc import Sequence

from stackctl.errors import ConfigError, DataError, EngineError, GpuError, NoAnswer, StackctlError, Taken, Unmountable

TOOLKIT = (
    "install the NVIDIA Container Toolkit, then: sudo nvidia-ctk runtime configure --runtime=docker && "
    "sudo systemctl restart docker; or run on the CPU: stackctl deploy --gpu none"
)
_NO_DRIVER = (
    "nvidia-smi must work on the host; Docker from a snap does not see the host's driver: install Docker's own "
    "packages (https://docs.docker.com/engine/install/); or: stackctl deploy --gpu none"
)
_TABLE: tuple[tuple[str, type[StackctlError], str, str], ...] = (
    (
        r"port is already allocated|address already in use|ports are not available",
        Taken,
        "the port was taken by somebody else in the meantime",
        "stackctl deploy --port PORT chooses another; `docker ps` and `sudo ss -ltnp` show who holds it",
    ),
    (
        r"could not select device driver",
        GpuError,
        "the engine does not offer the NVIDIA driver to containers",
        TOOLKIT,
    ),
    (
        r"nvidia-container-cli.*driver/library version mismatch",
        GpuError,
        "the NVIDIA driver was updated while it ran: what is loaded is not what is installed",
        "reboot; until then: stackctl deploy --gpu none",
    ),
    (
        r"nvidia-container-cli.*(libnvidia-ml\.so\.1|driver not loaded)",
        GpuError,
        "the engine finds no NVIDIA driver that runs",
        _NO_DRIVER,
    ),
    (
        r"nvidia-container-cli.*unsatisfied condition: (cuda|driver|brand)",
        GpuError,
        "the image needs a newer NVIDIA driver",
        "update the driver, or take an image for your CUDA version (backend.image); or: stackctl deploy --gpu none",
    ),
    (
        r"unresolvable CDI devices",
        GpuError,
        "the GPU can't be given to the container",
        "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml makes them; or: stackctl deploy --gpu none",
    ),
    (
        r"nvidia-container-cli|CDI device injection failed",
        GpuError,
        "the GPU can't be given to the container",
        "nvidia-smi must work on the host; after a driver update reboot; or: stackctl deploy --gpu none",
    ),
    (
        r"Pool overlaps with other one|invalid pool request|is already used on the host or by another config",
        Taken,
        "a subnet of this stack collides with another network",
        "stackctl deploy --replan chooses others; `docker network ls` and `ip route` show what is in use",
    ),
    (
        r"bind source path does not exist|invalid mount config .*: permission denied|is not shared from the host",
        Unmountable,
        "a file or folder to mount does not exist",
        "is the disk or share mounted? then run stackctl deploy again",
    ),
    (
        r"no space left on device",
        DataError,
        "the disk is full",
        "free some space: docker system df shows what images and old containers take; nothing is lost",
    ),
    (
        r"No such image|image .* not found|pull access denied",
        EngineError,
        "an image is not there",
        "stackctl deploy pulls or builds what is missing",
    ),
    (
        r"Minimum memory limit allowed",
        ConfigError,
        "a limit on memory is lower than the engine allows",
        "raise it under [limits] in stack.toml",
    ),
    (
        r"NanoCPUs can not be set",
        ConfigError,
        "this kernel can't limit CPUs",
        "remove the limits on CPUs from [limits] in stack.toml",
    ),
    (
        r"Cannot connect to the Docker daemon|error during connect",
        EngineError,
        "the engine stopped answering",
        "is it still running? docker info",
    ),
)


def version(says: str) -> tuple[int, ...] | None:
    """A version as numbers, which compare as they should: 2.9 < 2.40.3-3 < v5.0.1; None where there is none."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", says)
    return tuple(int(part or 0) for part in found.groups()) if found else None


def from_output(said: Sequence[str], code: int) -> StackctlError:
    """The error for a Compose command that failed, from what it said."""
    lines = [line.strip() for line in said if line.strip()]
    text = "\n".join(lines)
    for pattern, error, says, hint in _TABLE:
        if re.search(pattern, text, re.IGNORECASE):
            shown = tuple(line for line in lines if re.search(pattern, line, re.IGNORECASE))[-3:]
            return error(says, hint=hint, evidence=shown)
    return EngineError(
        f"docker compose failed (exit {code})",
        hint="the lines above are its own; `docker info` shows whether the engine is well",
        evidence=tuple(lines[-8:]),
    )


def names_place(words: Sequence[str], place: str) -> bool:
    """Whether words of the engine name an address with its port, such as 127.0.0.1:8000."""
    whole = re.compile(rf"(?<![\d.]){re.escape(place)}(?!\d)")
    return any(whole.search(line) for line in words)


def gpu_refused(words: str) -> StackctlError:
    """The engine's refusal to start a container with a GPU."""
    error = from_output([words], 1)
    if isinstance(error, GpuError):
        return error
    return GpuError(
        "the GPU can't be given to a container",
        hint="nvidia-smi must work on the host; after a driver update reboot; or: stackctl deploy --gpu none",
        evidence=(words.strip(),),
    )


def no_engine(words: str, host: str) -> EngineError:
    """The error for an engine that could not be reached, from the SDK's words; `host`: where it was looked for."""
    at = f" ({host})" if host else ""
    if "PermissionError" in words or "Permission denied" in words:
        return EngineError(
            f"you have no permission on the engine's socket{at}",
            hint="sudo usermod -aG docker $USER, then log in again; or run stackctl with sudo",
        )
    if "FileNotFoundError" in words or "No such file" in words:
        return EngineError(
            f"no container engine is running here: its socket does not exist{at}",
            hint="start it: sudo systemctl start docker; where there is none: https://docs.docker.com/engine/install/ "
            "(inside a container its socket has to be mounted: -v /var/run/docker.sock:/var/run/docker.sock; "
            "Podman and a rootless Docker are found by DOCKER_HOST=unix://THEIR-SOCKET)",
        )
    if "refused" in words.lower():
        return EngineError(
            f"the container engine is not running: its socket refuses connections{at}",
            hint="look at DOCKER_HOST: does the engine there listen on that address?"
            if host.startswith(("tcp:", "http"))
            else "start it: sudo systemctl start docker",
        )
    if "timed out" in words.lower():
        is_here = host.startswith(("unix:", "npipe:"))
        restart = "restart it: sudo systemctl restart docker; `docker info` waits, too, as long as it hangs"
        return NoAnswer(
            f"the container engine does not answer{at}",
            hint=restart if is_here else "check DOCKER_HOST, and what is between here and there: a firewall, a VPN",
        )
    return EngineError(
        f"the container engine can't be reached: {words}", hint="docker info, with the same DOCKER_HOST, shows more"
    )
