"""Render a plan as the text of stack.yml, and parse it back before it is returned."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final, Literal

from stackctl.backends import BACKENDS
from stackctl.contracts.host import Owner
from stackctl.contracts.service import Mount, Service
from stackctl.core.config.swarm_spec import AUTO
from stackctl.core.model import demo_model
from stackctl.core.plan.stack import Plan
from stackctl.orchestrators import rendering
from stackctl.orchestrators.swarm.cluster import CONTENT, FILE, FOLDER, SERVICE, Cluster, data_label, node_label
from stackctl.orchestrators.swarm.service_spec import content_hash

# what NVIDIA's runtime reads; images with CUDA set both, ours and others may not
_NVIDIA: Final = {"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}


@dataclass(frozen=True, kw_only=True)
class Carried:
    """A file of the stack's folder that Swarm carries to the node, as a secret or a config. key: in stack.yml."""

    kind: Literal["secrets", "configs"]
    key: str
    name: str  # Docker's name for it
    source: str
    target: str
    owner: Owner | None = None

    @property
    def values(self) -> Mapping[str, str]:
        """Return it as the templates take it."""
        owner = self.owner or Owner(uid=0, gid=0)
        return {**vars(self), "uid": str(owner.uid), "gid": str(owner.gid)}


def render(plan: Plan, cluster: Cluster, folder: PurePosixPath, template: Callable[[str], str]) -> str:
    """Return stack.yml's text. folder: the stack's, on the node that has SillyTavern's data."""
    carried = {service.name: tuple(carried_files(plan, service)) for service in plan.services}
    every = [file for files in carried.values() for file in files]
    values = {
        "services": [_service(one, carried[one.name], plan, cluster, folder) for one in plan.services],
        # not the name of Compose's network, beside which this one stands while a stack moves
        "networks": [{**vars(one), "title": f"{plan.name}_{one.name}_overlay"} for one in plan.networks],
        "secrets": [one.values for one in every if one.kind == "secrets"],
        "configs": [one.values for one in every if one.kind == "configs"],
        "volumes": [_volume(one, tmpfs.target) for one in plan.services for tmpfs in one.tmpfs if tmpfs.executable],
    }
    return rendering.fill("swarm/stack.yml.j2", template, FILE, values)


def parse(text: str) -> dict[str, Any]:
    """Parse stack.yml's text, with `$$` as it is; raise ConfigError."""
    return rendering.parse(text, FILE)


def carried_files(plan: Plan, service: Service) -> Iterable[Carried]:
    """Yield the files that Swarm carries to a service: those with secrets, and the built-in model."""
    for mount in service.mounts:
        path = mount.source.removeprefix("./")
        if path in plan.files:
            secret = plan.files[path].reveal().encode()
            yield _carried("secrets", path, mount, secret, plan.name, service.user_inside or service.user)
        elif plan.is_demo and PurePosixPath(path).name == demo_model.FILE_NAME:
            yield _carried("configs", path, mount, demo_model.gguf_bytes(), plan.name, None)


def _carried(
    kind: Literal["secrets", "configs"], path: str, mount: Mount, content: bytes, stack: str, owner: Owner | None
) -> Carried:
    key = PurePosixPath(path).name.replace(".", "-").lower()
    return Carried(
        kind=kind,
        key=key,
        name=f"{stack}_{key}_{content_hash(content)}",
        source=mount.source,
        target=mount.target,
        owner=owner,
    )


def node_files(plan: Plan, service: Service, cluster: Cluster) -> dict[str, str]:
    """Return the files that a service needs on its node: path there -> path here."""
    carried = {file.source for file in carried_files(plan, service)}
    return {_on_node(mount, service, cluster): mount.source for mount in service.mounts if mount.source not in carried}


def _on_node(mount: Mount, service: Service, cluster: Cluster) -> str:
    """Return the path of a mounted file on the backend's node: model files may lie in another folder there.

    They have the model's own names, which a cache's files here may not have.
    """
    models, target = cluster.settings.models, PurePosixPath(mount.target)
    if models == AUTO or service.role != "backend" or not target.is_relative_to(BACKENDS[service.name].MODEL_DIR):
        return mount.source
    return str(PurePosixPath(models) / target.relative_to(BACKENDS[service.name].MODEL_DIR))


def _volume(service: Service, target: str) -> str:
    return f"{service.name}{target.replace('/', '-')}"


def _service(
    service: Service, carried: tuple[Carried, ...], plan: Plan, cluster: Cluster, folder: PurePosixPath
) -> Mapping[str, object]:
    is_backend = service.role == "backend"
    sources = {file.source for file in carried}
    mounts = [mount for mount in service.mounts if mount.source not in sources]
    environment = {**(_NVIDIA if service.gpu else {}), **service.environment}
    return {
        "name": service.name,
        "image": service.image,
        "image_is": service.image_is,
        "entrypoint": list(service.entrypoint),
        "entrypoint_is": service.entrypoint_is,
        "command": list(service.command),
        "environment": sorted(environment.items()),
        "user": str(service.user_inside or service.user or ""),
        "capabilities": list(service.capabilities),
        "read_only_root": service.read_only_root,
        "gives_up_early": service.role == "frontend",
        "mounts": [
            {
                "source": _on_node(mount, service, cluster)
                if is_backend
                else rendering.mount_values(mount, folder)["source"],
                "target": mount.target,
                "read_only": mount.read_only,
            }
            for mount in mounts
        ],
        # sizes in bytes
        "tmpfs": [{"target": one.target, "size": one.size_mib * 2**20} for one in service.tmpfs if not one.executable],
        "executable": [
            {"target": one.target, "size": one.size_mib * 2**20, "volume": _volume(service, one.target)}
            for one in service.tmpfs
            if one.executable
        ],
        "secrets": [file.values for file in carried if file.kind == "secrets"],
        "configs": [file.values for file in carried if file.kind == "configs"],
        "networks": list(service.networks),
        "port": {"target": service.publish[0].target, "published": service.publish[0].port}
        if service.publish
        else None,
        "labels": _labels(service, folder),
        "constraints": [f"node.labels.{(node_label if is_backend else data_label)(plan.name)} == true"],
        "health": rendering.health_values(service.health),
        "grace": f"{service.grace_s}s",
        "memory": f"{service.memory_mib}M" if service.memory_mib else "",
        "cpus": str(service.cpus) if service.cpus else "",
        "pids": service.pids,
        "gpu": {"kind": cluster.kind, "count": _count(service, cluster)} if service.gpu and cluster.kind else None,
    }


def _labels(service: Service, folder: PurePosixPath) -> list[list[str]]:
    own = {SERVICE: service.name, FOLDER: str(folder)}
    if service.fingerprint:
        own[CONTENT] = service.fingerprint
    return [*([key, value] for key, value in own.items()), *(label.split("=", 1) for label in service.labels)]


def _count(service: Service, cluster: Cluster) -> int:
    """Return how many of the generic resource a service reserves: as many as it asks for, else all of a node."""
    assert service.gpu is not None  # noqa: S101 - the caller has seen one
    return len(service.gpu.gpus or service.gpu.devices) or cluster.offered
