"""Render a plan as the text of compose.yml, and parse it back before it is returned."""

from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from stackctl.contracts.service import Service, Tmpfs
from stackctl.core.plan.stack import Plan
from stackctl.orchestrators import rendering

FILE = "compose.yml"
MARKER = "# Rendered by stackctl from stack.toml."


def render(plan: Plan, template: Callable[[str], str], *, folder: PurePosixPath | None = None) -> str:
    """Return compose.yml's text. With `folder`, paths below it are written absolute (for Portainer, for example)."""
    values = {
        "name": plan.name,
        "services": [_service(service, folder) for service in plan.services],
        "networks": plan.networks,
    }
    return rendering.fill("stack.yml.j2", template, FILE, values)


def parse(text: str) -> dict[str, Any]:
    """Parse YAML that we rendered; refuse duplicate keys, and leave `$$` as it is."""
    return rendering.parse(text, FILE)


def whole(text: str) -> dict[str, Any]:
    """Parse any compose file's text as a table in which every scalar is a string; raise ConfigError."""
    return rendering.whole(text, FILE)


def services(text: str) -> dict[str, dict[str, Any]]:
    """Return the services of any compose file's text, by name, all values as strings; {} for an empty file."""
    return rendering.services(text, FILE)


def _service(service: Service, folder: PurePosixPath | None) -> Mapping[str, object]:
    gpu = service.gpu
    return {
        "name": service.name,
        "image": service.image,
        "image_is": service.image_is,
        "entrypoint": list(service.entrypoint),
        "entrypoint_is": service.entrypoint_is,
        "command": list(service.command),
        "environment": sorted(service.environment.items()),
        "fingerprint": service.fingerprint,
        "labels": [label.split("=", 1) for label in service.labels],
        "user": str(service.user_inside or service.user or ""),
        "capabilities": list(service.capabilities),
        "read_only_root": service.read_only_root,
        "mounts": [rendering.mount_values(mount, folder) for mount in service.mounts],
        "tmpfs": [_tmpfs(tmpfs) for tmpfs in service.tmpfs],
        "unpacks": any(tmpfs.executable for tmpfs in service.tmpfs),
        "networks": list(service.networks),
        "addresses": list(service.addresses.items()),
        "reaches_host": service.reaches_host,
        "publish": [f"{one.place}:{one.target}" for one in service.publish],
        "waits_for": service.waits_for,
        "health": rendering.health_values(service.health),
        "grace": f"{service.grace_s}s",
        "memory": f"{service.memory_mib}m" if service.memory_mib else "",
        "cpus": service.cpus,
        "pids": service.pids,
        "gpu": {"driver": gpu.driver, "devices": list(gpu.devices)} if gpu and gpu.driver else None,
        "device_files": list(gpu.files) if gpu else [],
        "groups": list(gpu.groups) if gpu else [],
    }


def _tmpfs(tmpfs: Tmpfs) -> str:
    options = [f"size={tmpfs.size_mib}m"]
    if tmpfs.executable:
        options.append("exec")  # Docker's default is noexec
    if tmpfs.owner:
        options += [f"uid={tmpfs.owner.uid}", f"gid={tmpfs.owner.gid}", "mode=0700"]
    else:
        options.append("mode=1777")
    return f"{tmpfs.target}:{','.join(options)}"
