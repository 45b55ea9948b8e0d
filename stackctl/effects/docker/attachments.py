"""The networks and published ports of a container."""

from collections.abc import Mapping
from typing import Any, Final

from stackctl.contracts.service import Publish
from stackctl.core.plan.network_shape import Existing, Shape, is_isolated
from stackctl.core.smoke.reachability import Attachment, ContainerNetworking
from stackctl.effects.docker.client import Client, translate_errors

_HINT: Final = "Run `docker ps` and `docker info`."


def attached(engine: Client, container: str) -> ContainerNetworking:
    """Return a running container's networks and published ports, as the engine has them now."""
    api = engine.client.api
    with translate_errors("a container can't be inspected", _HINT):
        found = api.inspect_container(container)
        own = found["NetworkSettings"]["Networks"]
        networks = {one["Name"]: one for one in api.networks(names=list(own))} if own else {}
    return ContainerNetworking(
        networks=tuple(
            Attachment(
                network=name,
                address=one["IPAddress"],
                is_internal=bool(networks.get(name, {}).get("Internal")),
                is_isolated=_is_isolated(networks.get(name, {})),
            )
            for name, one in own.items()
        ),
        published=tuple(
            Publish(address=bind["HostIp"], port=int(bind["HostPort"]), target=int(target.partition("/")[0]))
            for target, binds in (found["NetworkSettings"]["Ports"] or {}).items()
            for bind in binds or ()
        ),
        is_on_host=found["HostConfig"]["NetworkMode"] == "host",
    )


def existing(engine: Client, network: str) -> Existing | None:
    """Return a network as the engine has it now; None if it has none of that name."""
    import docker.errors

    with translate_errors("a network can't be inspected", _HINT):
        try:
            found = engine.client.api.inspect_network(network)
        except docker.errors.NotFound:
            return None
    configs = (found.get("IPAM") or {}).get("Config") or ()
    return Existing(
        shape=Shape(
            subnets=frozenset(one["Subnet"] for one in configs if ":" not in one["Subnet"]),
            is_internal=bool(found.get("Internal")),
            is_isolated=_is_isolated(found),
        ),
        members={number: one["Name"] for number, one in (found.get("Containers") or {}).items()},
    )


def _is_isolated(network: Mapping[str, Any]) -> bool:
    """Return whether a network does not lead to its machine, which has no address in an internal overlay of Swarm."""
    if network.get("Driver") == "overlay":
        return bool(network.get("Internal"))
    return is_isolated(network.get("Options"), has_v6=bool(network.get("EnableIPv6")))
