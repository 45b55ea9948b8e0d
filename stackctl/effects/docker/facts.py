"""What an engine says of itself and of a stack, for a report: those fields alone that help to find a fault."""

from typing import Any, Final

from stackctl.effects.docker.client import Informed, translate_errors
from stackctl.effects.docker.labels import PROJECT, SERVICE, STACK, STACK_SERVICE
from stackctl.effects.docker.swarm_facts import swarm_facts

_INFO: Final = (
    "ServerVersion", "OperatingSystem", "OSVersion", "OSType", "Architecture", "KernelVersion", "NCPU", "MemTotal",
    "Driver", "DriverStatus", "CgroupDriver", "CgroupVersion", "CgroupNamespace", "DockerRootDir", "LoggingDriver",
    "DefaultRuntime", "SecurityOptions", "LiveRestoreEnabled", "DefaultAddressPools", "CDISpecDirs",
    "DiscoveredDevices", "Containers", "ContainersRunning", "Images", "Warnings", "CpuCfsQuota", "MemoryLimit",
    "SwapLimit", "PidsLimit", "OomKillDisable", "IPv4Forwarding", "BridgeNfIptables", "FirewallBackend",
)  # fmt: skip
_STATE: Final = ("Status", "ExitCode", "OOMKilled", "Error", "StartedAt", "FinishedAt")
_MOUNT: Final = ("Type", "Source", "Destination", "Mode", "RW", "Propagation")


def facts(engine: Informed, project: str) -> dict[str, Any]:
    """Return the engine's info and version, and the containers and networks of a stack ("": none).

    Also what a manager says of its swarm, if the engine is in one.
    """
    api = engine.client.api
    with translate_errors("docker info failed"):
        info, version = api.info(), api.version()
        labels = [{"label": f"{label}={project}"} for label in (PROJECT, STACK)] if project else []
        listed = [one for label in labels for one in api.containers(all=True, filters=label)]
        networks = [one for label in labels for one in api.networks(filters=label)]
        containers = [_container(api, one["Id"]) for one in listed]
    chosen = {name: info[name] for name in _INFO if name in info}
    return {
        "info": {**chosen, "Runtimes": sorted(info.get("Runtimes") or ())},
        "version": version,
        "containers": [one for one in containers if one],
        "networks": [
            {key: one.get(key) for key in ("Name", "Driver", "Internal", "IPAM", "Options")} for one in networks
        ],
        **({"swarm": swarm} if (swarm := swarm_facts(engine, project)) else {}),
    }


def _container(api: Any, container: str) -> dict[str, Any]:
    """Return what helps of one container; {} if it has gone. Not its environment, its command, or its labels."""
    import docker.errors

    try:
        found = api.inspect_container(container)
    except docker.errors.NotFound:
        return {}
    labels = (found.get("Config") or {}).get("Labels") or {}
    host, state = found.get("HostConfig") or {}, found.get("State") or {}
    return {
        "name": found.get("Name"),
        "service": labels.get(SERVICE) or labels.get(STACK_SERVICE),
        "image": (found.get("Config") or {}).get("Image"),
        "image_id": found.get("Image"),
        "state": {key: state.get(key) for key in _STATE},
        "health": (state.get("Health") or {}).get("Status"),
        "failing_streak": (state.get("Health") or {}).get("FailingStreak"),
        "restarts": found.get("RestartCount"),
        "user": (found.get("Config") or {}).get("User"),
        "mounts": [{key: one.get(key) for key in _MOUNT} for one in found.get("Mounts") or ()],
        "ports": (found.get("NetworkSettings") or {}).get("Ports"),
        "networks": sorted((found.get("NetworkSettings") or {}).get("Networks") or ()),
        "limits": {key: host.get(key) for key in ("Memory", "MemorySwap", "NanoCpus", "PidsLimit", "ShmSize")},
        "devices": host.get("Devices"),
        "device_requests": host.get("DeviceRequests"),
        "security": host.get("SecurityOpt"),
        "read_only": host.get("ReadonlyRootfs"),
        "log_driver": (host.get("LogConfig") or {}).get("Type"),
    }
