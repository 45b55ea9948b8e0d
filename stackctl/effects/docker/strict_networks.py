"""A stack's networks on Podman, which Compose can't have shut off from all others: made beforehand."""

from typing import Final

from stackctl.contracts.service import Network
from stackctl.core.start.docker_errors import from_output
from stackctl.effects.docker.client import Client, translate_errors

_LABELS: Final = ("com.docker.compose.project", "com.docker.compose.network")


def make_networks(engine: Client, project: str, wanted: tuple[Network, ...]) -> None:
    """Make those that are missing; raise Taken where another network has the addresses by now.

    By Docker's API, Podman's networks are isolated from each other, but not from its default one (run, 5.8.6): that
    one's containers come in with the address of the gateway, as this machine's own clients do. Compose takes a network
    with its two labels for one that it made (run, 2.40), and removes it likewise.
    https://docs.podman.io/en/latest/markdown/podman-network-create.1.html (isolate=strict)
    """
    api = engine.client.api
    with translate_errors("docker network ls failed"):
        there = {one["Name"] for one in api.networks()}
    for one in wanted:
        name = f"{project}_{one.name}"
        if name in there:
            continue
        wish = {
            "name": name,
            "driver": "bridge",
            "internal": one.internal,
            "dns_enabled": True,
            "subnets": [{"subnet": one.subnet, "gateway": one.gateway}],
            "labels": dict(zip(_LABELS, (project, one.name), strict=True)),
            "options": {"isolate": "strict"},
        }
        with translate_errors(f"the network {name} can't be made"):
            answer = api.post(f"{api.base_url}/v4.0.0/libpod/networks/create", json=wish)
        if not answer.ok:
            raise from_output([answer.text], 1)
