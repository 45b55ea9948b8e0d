"""What an engine has, in a few calls; and the removal of single things of it."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from stackctl.core.uninstall.content import ContainerHere, EngineContent, ImageHere, NetworkHere, is_marked
from stackctl.effects.docker.client import Client, Informed, translate_errors
from stackctl.effects.docker.labels import MADE_BY, PROJECT, STACK, WORKING_DIR, folder_of
from stackctl.effects.docker.swarm_stacks import services

_NONE: Final = frozenset({"<none>:<none>", "<none>@<none>"})


def content(engine: Informed) -> EngineContent:
    """Return all containers and images, and the networks and volumes with a label of ours or of Compose."""
    api = engine.client.api
    stacks = {one.stack: one.folder for one in services(engine) if one.has_data}
    with translate_errors("docker ps failed"):
        return EngineContent(
            containers=tuple(_container(one, stacks) for one in api.containers(all=True)),
            images=tuple(_images(api.images())),
            networks=tuple(
                NetworkHere(
                    id=one["Id"],
                    name=one["Name"],
                    made_by=(one.get("Labels") or {}).get(MADE_BY, ""),
                    is_used=bool(one.get("Containers")),
                )
                for one in api.networks(filters={"label": MADE_BY})
            ),
            volumes=tuple(
                sorted(
                    (one["Name"], (one.get("Labels") or {}).get(PROJECT, ""))
                    for one in api.volumes(filters={"label": PROJECT}).get("Volumes") or ()
                )
            ),
            stacks=tuple(sorted(stacks.items())),
        )


def remove_container(engine: Client, container: str) -> None:
    """Remove a container that does not run, with its anonymous volumes; one that is gone is none to remove."""
    import docker.errors

    with translate_errors(f"the container {container} could not be removed"), suppress(docker.errors.NotFound):
        engine.client.api.remove_container(container, v=True)


def remove_network(engine: Client, network: str) -> None:
    """Remove a network that no container is in."""
    import docker.errors

    with translate_errors(f"the network {network} could not be removed"), suppress(docker.errors.NotFound):
        engine.client.api.remove_network(network)


def _container(one: dict[str, Any], stacks: Mapping[str, str]) -> ContainerHere:
    labels = one.get("Labels") or {}
    stack = labels.get(STACK, "") if labels.get(STACK) in stacks else ""
    return ContainerHere(
        id=one["Id"],
        name=(one.get("Names") or [one["Id"][:12]])[0].lstrip("/"),
        image=one.get("Image", ""),
        image_id=one.get("ImageID", ""),
        state=one.get("State", ""),
        project=labels.get(PROJECT, stack),
        folder=stacks[stack] if stack else folder_of(labels.get(WORKING_DIR, "")),
        made_by=labels.get(MADE_BY, ""),
        is_marked=is_marked(one.get("Command") or ""),
        volumes=tuple(mount["Name"] for mount in one.get("Mounts") or () if mount.get("Name")),
    )


def _images(listed: list[dict[str, Any]]) -> Iterator[ImageHere]:
    for one in listed:
        tags = tuple(name for name in one.get("RepoTags") or () if name not in _NONE)
        digests = tuple(name for name in one.get("RepoDigests") or () if name not in _NONE)
        yield ImageHere(id=one["Id"], tags=tags, digests=digests, size=int(one.get("Size") or 0))
