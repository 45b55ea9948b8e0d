"""SillyTavern as a service of the stack."""

import hashlib
from pathlib import PurePosixPath

from stackctl.contracts.host import Owner
from stackctl.contracts.service import Mount, Network, Publish, Service, Tmpfs
from stackctl.core.config.lock import Decisions, Lock, is_number
from stackctl.core.config.section import LAN, NONE
from stackctl.core.config.spec import Spec
from stackctl.core.config.tavern_spec import SillyTavern
from stackctl.core.config.values import memory_mib
from stackctl.core.observed import Observed
from stackctl.core.plan import exposure, images
from stackctl.core.plan.engine_features import cpus, health, own_addresses
from stackctl.core.plan.serving import Serving
from stackctl.core.tavern import container as tavern
from stackctl.errors import EngineError

DEFAULT_PORT = 8000
_PORT = "sillytavern.port"  # the key in stack.lock
PROXY_NETWORK = "proxy"
# node has 12 threads, and 27 tasks at its start (run, 1.19.0); git, and extensions with a thread per core, add to them
_PIDS = 1024


def data_folder(spec: Spec) -> str:
    """Return SillyTavern's data folder as a mount source: absolute, or relative with a leading ./"""
    data = PurePosixPath(spec.sillytavern.data)
    return str(data) if data.is_absolute() else f"./{data}"


def user(spec: Spec, owner: Owner) -> Owner:
    """Return the user that SillyTavern runs as, who owns its data. owner: the owner of the deployment's folder."""
    uid, gid = spec.sillytavern.uid, spec.sillytavern.gid
    return Owner(uid=owner.uid if uid == "auto" else uid, gid=owner.gid if gid == "auto" else gid)


def sillytavern(
    spec: Spec,
    seen: Observed,
    serving: Serving,
    networks: tuple[Network, ...],
    names: tuple[str, ...],
    decisions: Decisions,
) -> Service:
    """Return SillyTavern's service, published on this machine; raise EngineError if its port is taken.

    Loopback comes first, then the exposed addresses. names: the host names under which it answers.
    """
    wanted, ready = spec.sillytavern, serving.ready
    owner = user(spec, seen.owner)
    image, image_is = images.tavern_image(spec, decisions)
    port, addresses, proxy = _port(wanted, seen, decisions), exposure.exposed_interfaces(spec, seen), wanted.proxy
    known = exposure.matching_interfaces(LAN, seen.interfaces, seen.bridges) if proxy.is_wanted else addresses
    own = own_addresses(() if proxy.is_wanted else networks, seen.engine)
    return Service(
        name=tavern.NAME,
        role="frontend",
        image=image,
        image_is=image_is,
        entrypoint_is="waits",
        entrypoint=tavern.entrypoint(
            f"{serving.url}{ready.path}", ready.body, serving.wait_s, serving.backend.TAVERN_TYPE
        ),
        environment=tavern.environment(
            (seen.proxy or "0.0.0.0") if proxy.is_wanted else networks[-1].gateway,  # noqa: S104 - it admits no client
            (*exposure.admitted_clients(known), *own.values()),
            names=names,
            is_proxied=proxy.is_wanted,
            has_password=wanted.has_password,
            sees_clients=not (seen.engine and seen.engine.hides_clients),
        ),
        user=owner,
        mounts=tuple(
            Mount(source=f"{data_folder(spec)}/{folder}", target=target, read_only=False)
            for folder, target in tavern.FOLDERS.items()
        ),
        tmpfs=(
            Tmpfs(target="/tmp", size_mib=256, owner=owner),  # noqa: S108 - inside its container
            Tmpfs(target=tavern.BACKUPS, size_mib=64, owner=owner),
        ),
        networks=(*(network.name for network in networks), *((PROXY_NETWORK,) if proxy.is_wanted else ())),
        addresses=own,
        labels=proxy.labels,
        reaches_host={"auto": serving.is_on_host, "on": True, "off": False}[wanted.host_access],
        publish=tuple(
            Publish(address=address, port=port, target=tavern.PORT)
            for address in (wanted.bind, *(str(one.ip) for one in addresses))
            if not proxy.is_wanted
        ),
        fingerprint=_fingerprint(seen),
        waits_for=(serving.service.name,) if serving.service else (),
        health=health(tavern.health(), serving.wait_s + tavern.START_S, seen.engine, is_patient=True),
        memory_mib=memory_mib(spec.limits.sillytavern_memory),
        cpus=cpus(spec.limits.sillytavern_cpus, seen.engine),
        pids=_PIDS,
    )


def _fingerprint(seen: Observed) -> str:
    """Return a hash of the password. It includes the API key, so that passwords can't be guessed from the hash."""
    if seen.password is None:
        return ""
    return hashlib.sha256(f"{seen.key.reveal()} {seen.password.reveal()}".encode()).hexdigest()[:16]


def _is_port(recorded: object) -> bool:
    return is_number(recorded) and recorded in range(1, 65536)


def port_note(spec: Spec, seen: Observed, recorded: Lock, page: Service) -> tuple[str, ...]:
    """Return what the user should know where an automatic port is another than the one that people know; () if not."""
    before, now = recorded.decisions.get(_PORT), page.publish[:1]
    if spec.sillytavern.port != "auto" or not (before and now and seen.has_run) or before.value == now[0].port:
        return ()
    port, holder = before.value, seen.taken_ports.get(before.value, "another program")
    moved = f"port {port}, on which SillyTavern was, is taken by {holder}: SillyTavern moves to port {now[0].port}"
    return (f"{moved}. To keep the former address, stop that program and run `stackctl deploy --port {port}`",)


def _port(wanted: SillyTavern, seen: Observed, decisions: Decisions) -> int:
    """Return the page's port. An automatic one moves where it is taken, unless other devices were given its address."""
    taken = seen.taken_ports
    port = wanted.port
    if port == "auto":
        is_known = seen.has_run and wanted.expose != NONE
        port = decisions.decide(
            _PORT,
            {},
            lambda: next(p for p in range(DEFAULT_PORT, 65536) if p not in taken),
            known=_is_port,
            holds=lambda recorded: is_known or recorded not in taken,
        )
    if port in taken:
        free = next(p for p in range(DEFAULT_PORT, 65536) if p not in taken)
        raise EngineError(
            f"port {port} is taken by {taken[port]}",
            hint=f"Stop that program, or choose another port with `stackctl deploy --port {free}`.",
            issue="port-taken",
        )
    return port
