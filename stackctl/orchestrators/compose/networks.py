"""Recreate a network of the stack that differs from compose.yml, because Compose does not do it well.

Observed: 2.26 leaves a network as it is. 2.40 leaves one that an older Compose made; it recreates others, but connects
the containers without the names by which they find each other, and stops halfway if a foreign container is in it.
"""

import json
from collections.abc import Mapping
from typing import Any

from stackctl.contracts.json_table import table_or_empty
from stackctl.contracts.service import Network
from stackctl.core.plan.network_shape import Shape, is_isolated
from stackctl.errors import EngineError
from stackctl.orchestrators.compose import render
from stackctl.orchestrators.compose.run import Compose
from stackctl.ports import Docker
from stackctl.ports.disk import Folder, Says
from stackctl.terminal import command_line


def make_way(stack: str, folder: Folder, docker: Docker, compose: Compose, note: Says) -> None:
    """Remove a stack's containers if one of its networks must change; the next start recreates them, with their data.

    Raises EngineError while a foreign container is in that network, before anything is stopped.
    """
    for name, wanted in _wanted(stack, folder, compose).items():
        found = docker.existing(name)
        if found is None or wanted.is_met_by(found.shape):
            continue
        ours = {container.id for container in docker.containers(stack)}
        if others := sorted(who for number, who in found.members.items() if number not in ours):
            raise EngineError(
                f"the network {name} must be recreated, but {', '.join(others)} is in it, not part of this stack",
                hint=f"Run `{command_line('docker', 'network', 'disconnect', name, others[0])}`, "
                "then `stackctl deploy`.",
                issue="network-in-use",
            )
        note(f"recreating the network {name}, and with it all containers of the stack")
        compose.run(stack, "down", "--remove-orphans")
        if docker.existing(name):
            hint = f"Run `{command_line('docker', 'network', 'rm', name)}` to see why."
            raise EngineError(f"the network {name} can't be removed", hint=hint, issue="network-in-use")


def _wanted(stack: str, folder: Folder, compose: Compose) -> dict[str, Shape]:
    """Return the stack's own networks, by the engine's names, as the next start would make them."""
    if compose.is_overridden:  # only Compose knows the result of both files
        return shapes(json.loads(compose.config(stack)), stack)
    return shapes(render.whole(folder.read(render.FILE) or "{}"), stack)


def shapes(compose: Mapping[str, Any], stack: str) -> dict[str, Shape]:
    """Return the wanted shape of a compose file's own networks, by the engine's names for them."""
    networks = table_or_empty(compose.get("networks")).items()  # in a file edited by hand it may be anything
    own = {name: one for name, one in networks if isinstance(one, dict) and not _is_on(one.get("external"))}
    return {one.get("name", f"{stack}_{name}"): _shape(one) for name, one in own.items()}


def own_networks(text: str) -> tuple[Network, ...]:
    """Return the stack's own networks as rendered; one that was damaged by hand is left out, and Compose reports it."""
    found = []
    for name, one in table_or_empty(render.whole(text).get("networks")).items():
        configs = table_or_empty(table_or_empty(one).get("ipam")).get("config")
        config = table_or_empty(configs[0]) if isinstance(configs, list) and len(configs) == 1 else {}
        subnet, gateway = config.get("subnet"), config.get("gateway")
        if isinstance(subnet, str) and isinstance(gateway, str):
            internal = _is_on(one.get("internal"))
            found.append(Network(name=name, subnet=subnet, gateway=gateway, internal=internal))
    return tuple(found)


def _shape(network: Mapping[str, Any]) -> Shape:
    """Return a network's wanted shape; values that were damaged by hand count as missing."""
    ipam, options = network.get("ipam"), network.get("driver_opts")
    configs = table_or_empty(ipam).get("config")
    subnets = (str(one.get("subnet", "")) for one in configs or () if isinstance(one, dict))
    return Shape(
        subnets=frozenset(one for one in subnets if one and ":" not in one),
        is_internal=_is_on(network.get("internal")),
        is_isolated=is_isolated(
            options if isinstance(options, dict) else None, has_v6=_is_on(network.get("enable_ipv6"))
        ),
    )


def _is_on(value: object) -> bool:
    """Return whether a switch of a compose file is on, as Compose prints it or as the file has it."""
    return value in (True, "true")
