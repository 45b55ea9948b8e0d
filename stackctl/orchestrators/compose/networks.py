"""A network of the stack that is not as compose.yml has it, made anew: Compose does not see to it well.

Seen: 2.26 leaves a network as it is. 2.40 leaves one that an older Compose made; another it makes anew, but puts the
containers into it without the names by which they find each other, and stops halfway where a foreign one is in it.
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
    """Take a stack down where a network of it has to change; the next start makes all anew, from data on the host.

    Raises EngineError while a container of somebody else is in that network: nothing has been stopped then.
    """
    for name, wanted in _wanted(stack, folder, compose).items():
        found = docker.existing(name)
        if found is None or wanted.is_met_by(found.shape):
            continue
        ours = {container.id for container in docker.containers(stack)}
        if others := sorted(who for number, who in found.members.items() if number not in ours):
            raise EngineError(
                f"the network {name} has to be made anew, and {', '.join(others)} is in it, which is not this stack's",
                hint=f"{command_line('docker', 'network', 'disconnect', name, others[0])}; then: stackctl deploy",
            )
        note(f"the network {name} is made anew, so all containers of the stack are")
        compose.run(stack, "down", "--remove-orphans")
        if docker.existing(name):
            hint = f"{command_line('docker', 'network', 'rm', name)} says why"
            raise EngineError(f"the network {name} can't be removed", hint=hint)


def _wanted(stack: str, folder: Folder, compose: Compose) -> dict[str, Shape]:
    """The stack's own networks, by the engine's names, as the next start would make them."""
    if compose.is_overridden:  # then Compose alone knows what comes of both files
        return shapes(json.loads(compose.config(stack)), stack)
    return shapes(render.whole(folder.read(render.FILE) or "{}"), stack)


def shapes(compose: Mapping[str, Any], stack: str) -> dict[str, Shape]:
    """What the networks of a compose file are to be like, by the names that the engine has for a stack's own ones."""
    networks = table_or_empty(compose.get("networks")).items()  # edited by hand it may be anything
    own = {name: one for name, one in networks if isinstance(one, dict) and not _is_on(one.get("external"))}
    return {one.get("name", f"{stack}_{name}"): _shape(one) for name, one in own.items()}


def own_networks(text: str) -> tuple[Network, ...]:
    """The stack's own networks as we rendered them; what a person spoiled there is left out, for Compose to say."""
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
    """What one of them is to be like; what a person spoiled there counts as left out."""
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
    """Whether a switch of a compose file is on, as Compose shows it or as the file's text has it."""
    return value in (True, "true")
