"""The relay that opens the backend's API to other programs: it forwards TCP connections.

The backend itself stays in the internal network alone. A port can't be published from there, and any other network
would be a way out: even one without masquerading lets a container reach this machine and the networks that route back
to it (seen with Docker 28).
"""

from ipaddress import ip_address
from typing import Final

from stackctl.companions.contract import Setting, Surroundings
from stackctl.contracts.host import Owner
from stackctl.contracts.judge import no_cause
from stackctl.contracts.service import Health, Publish, Service
from stackctl.scripts import one_line

NAME: Final[str] = "api"
SETTING: Final[str] = "backend.publish"
NEEDS_OWN_BACKEND: Final[bool] = True
PORT: Final = 8000  # inside its container
_START_S: Final = 30
_PIDS: Final = 128  # one node with 7 threads, and another one for the health check (measured)


def publish(setting: Setting) -> tuple[Publish, ...]:
    """Return the address and port that the setting names."""
    address, _, port = str(setting).rpartition(":")
    return (Publish(address=str(ip_address(address.strip("[]"))), port=int(port), target=PORT),)


def service(setting: Setting, around: Surroundings) -> Service:
    backend = around.backend, str(around.backend_port)
    return Service(
        name=NAME,
        role="companion",
        image=around.tavern_image,
        image_is=around.tavern_image_is,
        entrypoint=("node", "-e", one_line("api_relay"), "--", *backend, str(PORT)),
        user=Owner(uid=65534, gid=65534),  # the user nobody: it owns no file and reads none
        networks=around.networks,
        publish=publish(setting),
        waits_for=(around.backend,),
        health=Health(
            test=("CMD", "node", "-e", one_line("api_relay_health")), start_period_s=around.backend_wait_s + _START_S
        ),
        pids=_PIDS,
    )


def notes(service: Service) -> tuple[str, ...]:
    where = service.publish[0]
    more = "" if ip_address(where.address).is_loopback else ", unencrypted"
    return (f"the backend's API is open at http://{where.place}{more}; it asks for the key in .stackctl/api-key",)


fatal = ended = exit_cause = no_cause  # it writes no log, and node's exit code 1 stands for any uncaught error
