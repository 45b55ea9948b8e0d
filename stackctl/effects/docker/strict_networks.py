"""A stack's networks on Podman, made before Compose runs: Compose can't isolate them from all other networks."""

from stackctl.contracts.service import Network
from stackctl.core.start.docker_errors import from_output
from stackctl.effects.docker.client import Client, translate_errors
from stackctl.effects.docker.labels import NETWORK, PROJECT


def make_networks(engine: Client, project: str, wanted: tuple[Network, ...]) -> None:
    """Make the networks that are missing; raise Taken if another network has the addresses by now.

    Made by Docker's API, Podman's networks are isolated from each other, but not from its default network (run, 5.8.6):
    containers there come in with the gateway's address, as clients on this machine do. Compose treats a network with
    its two labels as one that it made (run, 2.40), and removes it with the others.
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
            "labels": {PROJECT: project, NETWORK: one.name},
            "options": {"isolate": "strict"},
        }
        with translate_errors(f"the network {name} can't be made"):
            answer = api.post(f"{api.base_url}/v4.0.0/libpod/networks/create", json=wish)
        if not answer.ok:
            raise from_output([answer.text], 1)
