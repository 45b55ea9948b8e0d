"""The errors that Compose's and the engine's messages stand for."""

import re
from collections.abc import Sequence

from stackctl.core.gpu import refusals
from stackctl.errors import ConfigError, DataError, EngineError, GpuError, NoAnswer, StackctlError, Taken, Unmountable

_TABLE: tuple[tuple[str, type[StackctlError], str, str, str], ...] = (
    (
        r"port is already allocated|address already in use|ports are not available",
        Taken,
        "another program has taken the port in the meantime",
        "Run `stackctl deploy --port PORT` to choose another; `docker ps` and `sudo ss -ltnp` show who holds it.",
        "port-taken",
    ),
    *((one.pattern, GpuError, one.says, one.hint, one.issue) for one in refusals.REFUSALS),
    (
        r"Pool overlaps with other one|invalid pool request|is already used on the host or by another config",
        Taken,
        "a subnet of this stack collides with another network",
        "Run `stackctl deploy --replan` to choose others; `docker network ls` and `ip route` show those in use.",
        "subnet-overlaps-route",
    ),
    (
        r"bind source path does not exist|invalid mount config .*: permission denied|is not shared from the host",
        Unmountable,
        "a file or folder to mount does not exist",
        "Mount the disk or share that it is on, then run `stackctl deploy` again.",
        "folder-not-seen",
    ),
    (
        r"no space left on device",
        DataError,
        "the disk is full",
        "Free some space: `docker system df` shows what images and old containers take. No data is lost.",
        "disk-full",
    ),
    (
        r"No such image|image .* not found|pull access denied",
        EngineError,
        "an image is missing",
        "Run `stackctl deploy`, which pulls or builds missing images.",
        "image-missing",
    ),
    (
        r"Minimum memory limit allowed",
        ConfigError,
        "a limit on memory is lower than the engine allows",
        "Raise it under [limits] in stack.toml.",
        "settings-wrong",
    ),
    (
        r"NanoCPUs can not be set",
        ConfigError,
        "this kernel can't limit CPUs",
        "Remove the limits on CPUs from [limits] in stack.toml.",
        "cgroup-limits-missing",
    ),
    (
        r"Cannot connect to the Docker daemon|error during connect",
        EngineError,
        "the engine stopped answering",
        "Run `docker info` to see whether it is still running.",
        "engine-no-answer",
    ),
)


def version(says: str) -> tuple[int, ...] | None:
    """Return a version as numbers, which compare in order: 2.9 < 2.40.3-3 < v5.0.1; None if the text has none."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", says)
    return tuple(int(part or 0) for part in found.groups()) if found else None


def from_output(said: Sequence[str], code: int) -> StackctlError:
    """Return the error for a Compose command that failed, from its output."""
    lines = [line.strip() for line in said if line.strip()]
    text = "\n".join(lines)
    for pattern, error, says, hint, issue in _TABLE:
        if re.search(pattern, text, re.IGNORECASE):
            shown = tuple(line for line in lines if re.search(pattern, line, re.IGNORECASE))[-3:]
            return error(says, hint=hint, evidence=shown, issue=issue)
    return EngineError(
        f"docker compose failed (exit {code})",
        hint="Read the lines above, which are Compose's; `docker info` shows whether the engine is well.",
        evidence=tuple(lines[-8:]),
        issue="compose-failed",
    )


def names_place(words: Sequence[str], place: str) -> bool:
    """Return whether a message of the engine names an address with its port, such as 127.0.0.1:8000."""
    whole = re.compile(rf"(?<![\d.]){re.escape(place)}(?!\d)")
    return any(whole.search(line) for line in words)


def no_engine(words: str, host: str) -> EngineError:
    """Return the error for an engine that could not be reached, from the SDK's message; host: its address."""
    at = f" ({host})" if host else ""
    if "PermissionError" in words or "Permission denied" in words:
        return EngineError(
            f"you have no permission on the engine's socket{at}",
            hint="Run `stackctl setup` or `sudo usermod -aG docker $USER`, and log in again; or use sudo.",
            issue="engine-permission",
        )
    if "FileNotFoundError" in words or "No such file" in words:
        return EngineError(
            f"no container engine is running here: its socket does not exist{at}",
            hint="Run `stackctl setup`, which starts or installs it, or do that yourself: "
            "https://docs.docker.com/engine/install/ . In a container, mount its socket with "
            "`-v /var/run/docker.sock:/var/run/docker.sock`. For Podman or a rootless Docker, set `DOCKER_HOST=unix://SOCKET`.",
            issue="engine-not-running",
        )
    if "refused" in words.lower():
        return EngineError(
            f"the container engine is not running: its socket refuses connections{at}",
            hint="Check that the engine listens on the address in DOCKER_HOST."
            if host.startswith(("tcp:", "http"))
            else "Start it with `sudo systemctl start docker`.",
            issue="engine-not-running",
        )
    if "timed out" in words.lower():
        is_here = host.startswith(("unix:", "npipe:"))
        restart = "Restart it with `sudo systemctl restart docker`; `docker info` waits, too, as long as it hangs."
        return NoAnswer(
            f"the container engine does not answer{at}",
            hint=restart if is_here else "Check DOCKER_HOST, and the firewall or VPN on the way to that machine.",
        )
    return EngineError(
        f"the container engine can't be reached: {words}",
        hint="Run `docker info` with the same DOCKER_HOST to see more.",
        issue="engine-unreachable",
    )
