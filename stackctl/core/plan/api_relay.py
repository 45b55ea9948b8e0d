"""A door to the backend's API for other programs: a service of its own that hands on connections.

The backend itself stays where it is, in the internal network. A port can't be published from there, and any other
network would be a way out: one without masquerading still lets a container reach this machine and what routes back to
it (seen with Docker 28).
"""

from ipaddress import ip_address
from typing import Final

from stackctl.contracts.host import Owner
from stackctl.contracts.service import Network, Publish, Service
from stackctl.core.config.lock import Decisions
from stackctl.core.config.spec import Spec
from stackctl.core.observed import Observed
from stackctl.core.plan import images
from stackctl.core.plan.engine_features import health
from stackctl.core.plan.serving import Serving
from stackctl.errors import ConfigError, EngineError

NAME: Final = "api"
_PORT: Final = 8000
_START_S: Final = 30
_PIDS: Final = 128  # one node, which has 7 threads, and another for its health check (run)
# what is left to send is sent though the other side has ended; a client that goes away ends its request
_RELAY: Final = (
    "const n=require('net'),[h,p,l]=process.argv.slice(1);n.createServer({allowHalfOpen:true},c=>{"
    "const b=n.connect({host:h,port:+p,allowHalfOpen:true});c.pipe(b);b.pipe(c);"
    "c.on('error',()=>b.destroy());c.on('close',()=>b.destroy());b.on('error',()=>c.destroy())}).listen(+l)"
)
_LISTENS: Final = (
    "CMD",
    "node",
    "-e",
    f"require('net').connect({_PORT},'127.0.0.1').on('connect',()=>process.exit(0)).on('error',()=>process.exit(1))",
)


def parse_publish(text: str) -> tuple[str, int]:
    """The address and the port of `backend.publish`."""
    address, _, port = text.rpartition(":")
    return str(ip_address(address.strip("[]"))), int(port)


def relay(
    spec: Spec, seen: Observed, serving: Serving, networks: tuple[Network, ...], tavern: Service, decisions: Decisions
) -> Service | None:
    """The service that opens the API at `backend.publish`; None without one. Raises where that place is not free."""
    wanted = spec.backend.publish
    if not wanted or serving.service is None:
        return None
    address, port = parse_publish(wanted)
    if any(one.port == port and _overlap(one.address, address) for one in tavern.publish):
        raise ConfigError(f"backend.publish = {wanted!r}: SillyTavern is there", hint="choose another port")
    if seen.door_taken:
        raise EngineError(f"backend.publish: port {port} is taken by {seen.door_taken}", hint="choose another port")
    image, image_is = images.tavern_image(spec, decisions)
    return Service(
        name=NAME,
        image=image,
        image_is=image_is,
        entrypoint=("node", "-e", _RELAY, "--", serving.service.name, str(serving.backend.PORT), str(_PORT)),
        user=Owner(uid=65534, gid=65534),  # nobody: it owns nothing and reads nothing
        networks=tuple(network.name for network in networks),
        publish=(Publish(address=address, port=port, target=_PORT),),
        waits_for=(serving.service.name,),
        health=health(_LISTENS, serving.wait_s + _START_S, seen.engine),
        pids=_PIDS,
    )


def notes(service: Service | None) -> tuple[str, ...]:
    """What the user should know of it."""
    if service is None:
        return ()
    where = service.publish[0]
    more = "" if ip_address(where.address).is_loopback else ", unencrypted"
    return (f"the backend's API is open at http://{where.place}{more}; it asks for the key in .stackctl/api-key",)


def _overlap(one: str, other: str) -> bool:
    mine, theirs = ip_address(one), ip_address(other)
    everywhere = mine.is_unspecified or theirs.is_unspecified
    return mine == theirs or (everywhere and mine.version == theirs.version)
