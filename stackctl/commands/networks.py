"""A network of the stack that is no longer as it shall be, made anew: Compose does not see to it well.

Seen: 2.26 leaves a network as it is. 2.40 leaves one that an older Compose made; another it makes anew, but puts the
containers into it without the names by which they find each other, and stops halfway where a foreign one is in it.
"""

import json
from collections.abc import Mapping
from typing import Any

from stackctl.core.network import Shape, is_isolated, shape
from stackctl.core.stack import Plan
from stackctl.core.terminal import command_line
from stackctl.effects.attachment import existing
from stackctl.errors import EngineError
from stackctl.machine import Machine


def make_way(plan: Plan, machine: Machine) -> None:
    """Take the stack down where a network of it has to change; the next start makes all anew, from data on the host.

    Raises EngineError while a container of somebody else is in that network: nothing has been stopped then.
    """
    for name, wanted in _wanted(plan, machine).items():
        found = existing(machine.engine, name)
        if found is None or wanted.is_met_by(found.shape):
            continue
        ours = {container.id for container in machine.engine.containers(plan.name)}
        if others := sorted(who for number, who in found.members.items() if number not in ours):
            raise EngineError(
                f"the network {name} has to be made anew, and {', '.join(others)} is in it, which is not this stack's",
                hint=f"{command_line('docker', 'network', 'disconnect', name, others[0])}; then: stackctl deploy",
            )
        machine.ui.note(f"the network {name} is made anew, so all containers of the stack are")
        machine.compose.run(plan.name, "down", "--remove-orphans")
        if existing(machine.engine, name):
            hint = f"{command_line('docker', 'network', 'rm', name)} says why"
            raise EngineError(f"the network {name} can't be removed", hint=hint)


def _wanted(plan: Plan, machine: Machine) -> dict[str, Shape]:
    """The stack's own networks, by the engine's names, as the next start would make them."""
    own = {network.name: network for network in plan.networks if not network.existing}
    if not machine.compose.is_overridden:
        return {f"{plan.name}_{name}": shape(network) for name, network in own.items()}
    whole = json.loads(machine.compose.run(plan.name, "config", "--format", "json"))
    return {one["name"]: _as_compose(one) for name, one in whole["networks"].items() if name in own}


def _as_compose(network: Mapping[str, Any]) -> Shape:
    """What Compose would make of a network, as its `config` shows it."""
    configs = (network.get("ipam") or {}).get("config") or ()
    return Shape(
        subnets=frozenset(one["subnet"] for one in configs if ":" not in one["subnet"]),
        is_internal=bool(network.get("internal")),
        is_isolated=is_isolated(network.get("driver_opts"), has_v6=bool(network.get("enable_ipv6"))),
    )
