"""Turn stack.yml into what the Engine's API takes, as Docker's command does, and with what that one leaves out.

https://docs.docker.com/reference/api/engine/ (ServiceCreate, NetworkCreate, SecretCreate, ConfigCreate)
"""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from stackctl.errors import ConfigError
from stackctl.orchestrators.rendering import literal
from stackctl.orchestrators.swarm import stack_shape
from stackctl.orchestrators.swarm.cluster import FILE, STACK

_HASH: Final = 12
_NS: Final = 10**9
_TIME: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the Engine is to have: bodies of its API, by Docker's names. services: by the service's name in stack.yml.

    volumes: Docker's names of those that only the command's way of applying the file makes, or that an engine without
    options for folders in memory needs.
    """

    networks: Mapping[str, dict[str, Any]]
    secrets: Mapping[str, dict[str, Any]]
    configs: Mapping[str, dict[str, Any]]
    services: Mapping[str, dict[str, Any]]
    volumes: tuple[str, ...] = ()


def convert(
    stack: str,
    parsed: Mapping[str, Any],
    read: Callable[[str], bytes] | None,
    *,
    folder: PurePosixPath,
    tmpfs_options: bool,
) -> Wanted:
    """Return what a parsed stack.yml asks for.

    read: the content of a file that it names; None to leave contents out. tmpfs_options: whether the engine knows
    options of a folder in memory. Raises ConfigError for what stackctl does not apply: nothing is left out in silence.
    """
    stack_shape.refuse_other(parsed)
    parsed = literal(parsed)
    _refuse_lost_references(parsed)
    names = {
        kind: {key: str(one["name"]) for key, one in _table(parsed, kind).items()} for kind in ("secrets", "configs")
    }
    networks = {key: _network_name(stack, key, one) for key, one in _table(parsed, "networks").items()}
    label = {STACK: stack}
    return Wanted(
        networks={
            networks[key]: _network(networks[key], one, label)
            for key, one in _table(parsed, "networks").items()
            if not one.get("external")
        },
        secrets={one["name"]: _carried(one, read, label) for one in _table(parsed, "secrets").values()},
        configs={one["name"]: _carried(one, read, label) for one in _table(parsed, "configs").values()},
        services={
            key: _service(stack, key, one, names, networks, folder, tmpfs_options=tmpfs_options)
            for key, one in _table(parsed, "services").items()
        },
        volumes=tuple(f"{stack}_{key}" for key in _table(parsed, "volumes")),
    )


def _refuse_lost_references(parsed: Mapping[str, Any]) -> None:
    """Raise ConfigError for a name that stands for nothing, and for a part that lacks what its kind needs."""
    for key, one in _table(parsed, "networks").items():
        if not one.get("external") and not {"driver", "ipam"} <= one.keys():
            raise stack_shape.error(f"{FILE}: the network {key} needs a driver and an ipam, or external: true")
    for key, one in _table(parsed, "services").items():
        mounts = one.get("volumes") or ()
        uses = {
            "networks": one["networks"],
            "secrets": [each["source"] for each in one.get("secrets") or ()],
            "configs": [each["source"] for each in one.get("configs") or ()],
            "volumes": [each.get("source") for each in mounts if each["type"] == "volume"],
        }
        for kind, names in uses.items():
            if lost := [name for name in names if name not in _table(parsed, kind)]:
                raise stack_shape.error(f"{FILE}: the service {key} uses {lost[0]}, which is not among its {kind}")
        for each in mounts:
            needs = {"tmpfs": "tmpfs", "bind": "source", "volume": "source"}[each["type"]]
            if not each.get(needs):
                raise stack_shape.error(f"{FILE}: in the service {key} the mount at {each['target']} lacks its {needs}")
        targets = [each["target"] for each in mounts if each["type"] == "volume"]
        for target in (one.get("x-stackctl") or {}).get("executable_tmpfs") or ():
            if target not in targets:
                raise stack_shape.error(
                    f"{FILE}: in the service {key} executable_tmpfs {target} is no volume of the service"
                )


def content_hash(content: bytes) -> str:
    """Return the digits that the name of a secret or config has of its content."""
    return hashlib.sha256(content).hexdigest()[:_HASH]


def _table(parsed: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    return {name: one or {} for name, one in (parsed.get(key) or {}).items()}


def _network_name(stack: str, key: str, one: Mapping[str, Any]) -> str:
    return str(one.get("name") or f"{stack}_{key}")


def _network(name: str, one: Mapping[str, Any], label: Mapping[str, str]) -> dict[str, Any]:
    configs = (one.get("ipam") or {}).get("config") or ()
    return {
        "Name": name,
        "Driver": one["driver"],
        "Internal": bool(one.get("internal")),
        "Attachable": bool(one.get("attachable")),
        "Labels": dict(label),
        "IPAM": {"Config": [{"Subnet": str(each["subnet"])} for each in configs]},
    }


def _carried(one: Mapping[str, Any], read: Callable[[str], bytes] | None, label: Mapping[str, str]) -> dict[str, Any]:
    content = read(str(one["file"])) if read else b""
    if read and not str(one["name"]).endswith(f"_{content_hash(content)}"):
        raise ConfigError(
            f"{one['file']} is not what {FILE} was written for: the name {one['name']} has the hash of another content",
            hint=f"Run `stackctl deploy`, which writes {FILE} again.",
            issue="own-file-damaged",
        )
    return {"Name": one["name"], "Labels": dict(label), "Data": base64.b64encode(content).decode()}


def _service(
    stack: str,
    key: str,
    one: Mapping[str, Any],
    names: Mapping[str, Mapping[str, str]],
    networks: Mapping[str, str],
    folder: PurePosixPath,
    *,
    tmpfs_options: bool,
) -> dict[str, Any]:
    deploy = one.get("deploy") or {}
    label = {STACK: stack}
    ports = [
        {
            "Protocol": "tcp",
            "TargetPort": int(port["target"]),
            "PublishedPort": int(port["published"]),
            "PublishMode": str(port["mode"]),
        }
        for port in one.get("ports") or ()
    ]
    update, restart = deploy["update_config"], deploy["restart_policy"]
    return {
        "Name": f"{stack}_{key}",
        "Labels": {**_texts(deploy.get("labels")), **label},
        "TaskTemplate": {
            "ContainerSpec": _container(stack, one, names, folder, tmpfs_options=tmpfs_options),
            "Resources": _resources(deploy.get("resources") or {}),
            "RestartPolicy": {"Condition": restart["condition"], "Delay": _ns(restart["delay"])},
            "Placement": {"Constraints": [str(each) for each in (deploy.get("placement") or {})["constraints"]]},
            "LogDriver": {"Name": one["logging"]["driver"], "Options": _texts(one["logging"]["options"])},
            "Networks": [{"Target": networks[name], "Aliases": [key]} for name in one["networks"]],
        },
        "Mode": {"Replicated": {"Replicas": int(deploy["replicas"])}},
        "UpdateConfig": {
            "Parallelism": 1,
            "Order": update["order"],
            "FailureAction": update["failure_action"],
            "Monitor": _ns(update["monitor"]),
        },
        "EndpointSpec": {"Mode": deploy["endpoint_mode"], **({"Ports": ports} if ports else {})},
    }


def _container(
    stack: str,
    one: Mapping[str, Any],
    names: Mapping[str, Mapping[str, str]],
    folder: PurePosixPath,
    *,
    tmpfs_options: bool,
) -> dict[str, Any]:
    ours = one.get("x-stackctl") or {}
    executable = {target: int(size) for target, size in (ours.get("executable_tmpfs") or {}).items()}
    mounts = [_mount(stack, each, folder, executable if tmpfs_options else {}) for each in one.get("volumes") or ()]
    said = {
        "Image": str(one["image"]),
        "Labels": {**_texts(one.get("labels")), STACK: stack},
        "Command": [str(word) for word in one.get("entrypoint") or ()],
        "Args": [str(word) for word in one.get("command") or ()],
        "Env": sorted(f"{name}={value}" for name, value in _texts(one.get("environment")).items()),
        "User": str(one.get("user") or ""),
        "CapabilityDrop": list(one.get("cap_drop") or ()),
        "CapabilityAdd": [f"CAP_{name.removeprefix('CAP_')}" for name in one.get("cap_add") or ()],
        "ReadOnly": bool(one.get("read_only")),
        "Init": bool(one.get("init")),
        "Sysctls": _texts(one.get("sysctls")),
        "StopGracePeriod": _ns(one["stop_grace_period"]),
        "Healthcheck": _health(one["healthcheck"]),
        "Mounts": mounts,
        "Secrets": [_reference("Secret", each, names["secrets"]) for each in one.get("secrets") or ()],
        "Configs": [_reference("Config", each, names["configs"]) for each in one.get("configs") or ()],
        "Privileges": {"NoNewPrivileges": bool(ours.get("no_new_privileges"))},
    }
    return {name: value for name, value in said.items() if value not in ([], {}, "", False)}


def _reference(kind: str, one: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return the use of a secret or config; its id is filled in once it exists."""
    file = {
        "Name": str(one["target"]),
        "UID": str(one.get("uid", "0")),
        "GID": str(one.get("gid", "0")),
        "Mode": int(one["mode"]),
    }
    return {"File": file, f"{kind}Name": names[str(one["source"])]}


def _mount(stack: str, one: Mapping[str, Any], folder: PurePosixPath, executable: Mapping[str, int]) -> dict[str, Any]:
    target, kind = str(one["target"]), str(one["type"])
    if kind == "tmpfs":
        return {"Type": "tmpfs", "Target": target, "TmpfsOptions": {"SizeBytes": int(one["tmpfs"]["size"])}}
    if kind == "volume" and target in executable:
        options = {"SizeBytes": executable[target], "Options": [["exec"]]}
        return {"Type": "tmpfs", "Target": target, "TmpfsOptions": options}
    if kind == "volume":
        labels = {"VolumeOptions": {"Labels": {STACK: stack}}}
        return {"Type": "volume", "Source": f"{stack}_{one['source']}", "Target": target, **labels}
    read_only = {"ReadOnly": True} if one.get("read_only") else {}
    return {"Type": "bind", "Source": str(folder / str(one["source"])), "Target": target, **read_only}


def _health(one: Mapping[str, Any]) -> dict[str, Any]:
    start = {"StartInterval": _ns(one["start_interval"])} if one.get("start_interval") else {}
    return {
        "Test": [str(word) for word in one["test"]],
        "Interval": _ns(one["interval"]),
        "Timeout": _ns(one["timeout"]),
        "StartPeriod": _ns(one["start_period"]),
        "Retries": int(one["retries"]),
        **start,
    }


def _resources(one: Mapping[str, Any]) -> dict[str, Any]:
    limits, reserved = one.get("limits") or {}, one.get("reservations") or {}
    said: dict[str, Any] = {"Limits": {"Pids": int(limits["pids"])}}
    if limits.get("memory"):
        said["Limits"]["MemoryBytes"] = _bytes(limits["memory"])
    if limits.get("cpus"):
        said["Limits"]["NanoCPUs"] = round(float(limits["cpus"]) * _NS)
    if kinds := reserved.get("generic_resources"):
        specs = [each["discrete_resource_spec"] for each in kinds]
        said["Reservations"] = {
            "GenericResources": [
                {"DiscreteResourceSpec": {"Kind": str(each["kind"]), "Value": int(each["value"])}} for each in specs
            ]
        }
    return said


def _texts(table: Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in (table or {}).items()}


def _ns(text: object) -> int:
    """Return a time such as 1m30s in nanoseconds."""
    return round(sum(float(number) * _SECONDS[unit] for number, unit in _TIME.findall(str(text))) * _NS)


def _bytes(text: object) -> int:
    """Return a size such as 512M in bytes, as Docker counts: 1024 KB are a MB."""
    number, unit = re.findall(r"(\d+)\s*([kmg]?)", str(text).lower())[0]
    return int(number) << {"": 0, "k": 10, "m": 20, "g": 30}[unit]
