"""What a service asks of its engine, as far as this engine can."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from typing import Final, Literal

from stackctl.contracts.host import Owner
from stackctl.contracts.service import Health, Network, Service
from stackctl.core.config.lock import Decisions, is_number
from stackctl.core.model.model import ModelSeen
from stackctl.core.observed import EngineSeen, Observed
from stackctl.errors import EngineError
from stackctl.terminal import command_line

_SLOW_DISK_MIB_S = 80  # a hard disk; assumed where nothing was measured
_START_INTERVAL_COMPOSE = (2, 21)
_NEVER = (math.inf,)
_ROOT = Owner(uid=0, gid=0)


@dataclass(frozen=True, kw_only=True)
class Product:
    """One engine that speaks Docker's API, by all in which it differs from the others.

    `oldest`, `start_interval_from`, `isolates_from`: its version from which on it is supported, asks a health check
    oftener during the start, and makes networks in which its own machine has no address.
    """

    title: str
    oldest: tuple[int, ...]
    install: str  # what to do where it is too old
    unit: str  # of systemd, which starts its containers after a reboot
    start_interval_from: tuple[float, ...]
    isolates_from: tuple[float, ...]
    tmpfs_has_owner: bool = True  # a folder in memory can belong to one user
    reserves_gpus: bool = True  # False: it drops a reservation without a word, and takes CDI devices as device files
    checks_health: bool = True  # by itself; False: systemd does, where it runs, and else whoever waits
    shuts_networks: bool = True  # those that Compose makes are closed to the containers of all others
    forwards_as_itself: bool = False  # rootless, a published port is asked from the container's own address
    is_enabled: bool = True  # that unit, wherever it is installed


# by name, as `docker version` lists it among the engine's components
# Podman: run, 5.8.6: it refuses a tmpfs with uid=, drops a reservation of the driver nvidia, and has no timers itself
PRODUCTS: Final = {
    "Docker Engine": Product(
        title="Docker Engine",
        oldest=(20, 10),
        install="Install a newer Docker (https://docs.docker.com/engine/install/), then run this again.",
        unit="docker",
        start_interval_from=(25,),
        isolates_from=(28,),
    ),
    "Podman Engine": Product(
        title="Podman",
        oldest=(5,),
        install="Update it (https://podman.io/docs/installation), then run this again.",
        unit="podman-restart.service",
        start_interval_from=_NEVER,
        isolates_from=_NEVER,
        tmpfs_has_owner=False,
        reserves_gpus=False,
        checks_health=False,
        shuts_networks=False,
        forwards_as_itself=True,
        is_enabled=False,
    ),
}


def find_product(components: Iterable[str]) -> str:
    """Which of PRODUCTS an engine is, by the names of what it consists of; one of which nobody knows is like Docker."""
    return next((name for name in components if name in PRODUCTS), EngineSeen.product)


def refuse_old(product: str, version: tuple[int, ...], says: str) -> None:
    """Raise EngineError for an engine that is too old; `says`: its version as it says it."""
    known = PRODUCTS[product]
    if version < known.oldest:
        oldest = ".".join(map(str, known.oldest))
        raise EngineError(f"{known.title} {says} is too old; {oldest} or newer is needed", hint=known.install)


def features(engine: EngineSeen | None) -> Product:
    """What the engine differs in; without one, Docker's features."""
    name = engine.product if engine and engine.product in PRODUCTS else EngineSeen.product  # recorded by a newer one
    return PRODUCTS[name]


def notes(engine: EngineSeen | None) -> tuple[str, ...]:
    """What the user should know of the engine: who has to start the stack after a reboot, where it does not."""
    known = features(engine)
    if engine is None or (known.is_enabled and not engine.is_rootless):
        return ()
    enable = f"sudo systemctl enable {known.unit}"
    if engine.is_rootless:
        enable = f"systemctl --user enable {known.unit}; sudo loginctl enable-linger"
    return (f"this stack starts by itself after a reboot only after: {enable}",)


def distinctions(engine: EngineSeen) -> tuple[object, ...]:
    """What a rendered file depends on where an engine is not Docker's, run by root; () where it is."""
    return tuple(one for one in (engine.product != EngineSeen.product and engine.product, engine.is_rootless) if one)


def start_period(model: ModelSeen, name: str, decisions: Decisions) -> int:
    """Seconds that loading may take: twice the time to read the model from its disk, and some.

    `name`: what stack.toml's [models] calls it; "": it is the one at model.path.
    """
    inputs = {"model": model.name, "bytes": model.size}

    def compute() -> int:
        rate = model.read_mib_s or _SLOW_DISK_MIB_S
        return math.ceil((60 + 2 * model.size / 2**20 / rate) / 10) * 10

    return decisions.decide(
        f"models.{name}.start_period" if name else "backend.start_period", inputs, compute, known=is_number
    )


def patience(model: ModelSeen, name: str, start_s: int, seen: Observed, decisions: Decisions) -> int:
    """Seconds that the backend's health check waits for the model: as start_period() says, or as long as the user does.

    What was asked for once is recorded for this model: a plain deploy makes no container anew for it. Nor does asking
    for more, while the backend runs with this model.
    """
    prefix, inputs = f"models.{name}" if name else "backend", {"model": model.name, "bytes": model.size}
    known = decisions.standing(f"{prefix}.patience", inputs)
    recorded = int(known) if known is not None and is_number(known) else 0
    has_check = seen.backend_runs and decisions.standing(f"{prefix}.start_period", inputs) is not None
    if seen.patience_s > max(start_s, recorded) and not has_check:
        recorded = decisions.decide(
            f"{prefix}.patience", inputs, lambda: seen.patience_s, known=is_number, holds=lambda _: False
        )
    return max(start_s, recorded)


def health(
    test: tuple[str, ...], start_period_s: int, engine: EngineSeen | None, *, is_patient: bool = False
) -> Health:
    """A health check; asked often during the start where the engine can, else a little oftener all the time.

    is_patient: for what has nothing to wait for but a busy CPU, on which its backend computes.
    """
    knows = (
        engine is not None
        and engine.version >= features(engine).start_interval_from
        and engine.compose >= _START_INTERVAL_COMPOSE
    )
    return Health(
        test=test,
        start_period_s=start_period_s,
        interval_s=10 if knows else 5,
        start_interval_s=1 if knows else None,
        timeout_s=20 if is_patient else 5,
        retries=5 if is_patient else 3,
    )


def isolates(engine: EngineSeen | None) -> bool:
    """Whether the engine can make an internal network in which its own machine has no address; older ones refuse it.

    https://docs.docker.com/engine/network/drivers/bridge/ (gateway mode "isolated")
    """
    return engine is not None and engine.version >= features(engine).isolates_from


def cpus(wanted: float | Literal["auto"], engine: EngineSeen | None) -> float | None:
    """A limit on CPUs; None where the kernel can't hold it."""
    if wanted == "auto" or (engine and not engine.has_cpu_quota):
        return None
    return float(wanted)


def user_inside(owner: Owner, engine: EngineSeen | None) -> Owner:
    """Who a user of this machine is in a container; raise EngineError where none in there is that user.

    In a rootless engine root is the user that it runs as, and every other number one of that user's subordinate ids.
    https://docs.docker.com/engine/security/rootless/
    """
    if engine is None or not engine.is_rootless:
        return owner
    if engine.user and engine.user.uid != owner.uid:
        raise EngineError(
            f"SillyTavern would run as user {owner.uid}, but this engine is rootless and runs as user "
            f"{engine.user.uid}: its containers can be no other user of this machine",
            hint=f"Give this folder to it with `{command_line('sudo', 'chown', '-R', str(engine.user), '.')}` and "
            f'set `sillytavern.uid = "auto"`; or use the engine of user {owner.uid}, or one that runs as root.',
        )
    return _ROOT


def own_addresses(networks: tuple[Network, ...], engine: EngineSeen | None) -> dict[str, str]:
    """The fixed addresses of a published service by network, the last of each, where its clients come in under those.

    Run: podman 5.8.6, rootless; its port handler runs in the container's own network.
    """
    if engine is None or not (engine.is_rootless and features(engine).forwards_as_itself):
        return {}
    return {one.name: str(IPv4Network(one.subnet).broadcast_address - 1) for one in networks}


def adapt(service: Service, engine: EngineSeen | None) -> Service:
    """A service as this engine can run it: its user as its containers count, who owns its folders in memory.

    A companion has no user of this machine. Raises EngineError where the engine's containers can't be the user.
    """
    if service.user is None or service.role == "companion":
        return service
    inside = user_inside(service.user, engine)
    has_owner = features(engine).tmpfs_has_owner
    scratch = (replace(one, owner=inside if one.owner and has_owner else None) for one in service.tmpfs)
    return replace(service, user_inside=inside, tmpfs=tuple(scratch))
