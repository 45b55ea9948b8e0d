"""The features of engines, and services adapted to them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from typing import Final, Literal

from stackctl.contracts.host import Owner
from stackctl.contracts.service import Health, Network, Service
from stackctl.core.config.lock import Decisions, is_number
from stackctl.core.formats.version import dotted
from stackctl.core.model.model import ModelSeen
from stackctl.core.observed import EngineSeen, Observed
from stackctl.errors import EngineError
from stackctl.terminal import command_line

_SLOW_DISK_MIB_S = 80  # a hard disk; the assumption without a measurement
OLDEST_COMPOSE: Final = (2, 20)
_START_INTERVAL_COMPOSE = (2, 21)
_NEVER = (math.inf,)
_ROOT = Owner(uid=0, gid=0)


@dataclass(frozen=True, kw_only=True)
class Product:
    """One engine that speaks Docker's API, with everything in which it differs from the others.

    oldest, start_interval_from, isolates_from: the first version that is supported, that runs health checks more often
    during the start, and that creates networks in which its machine has no address.
    """

    title: str
    oldest: tuple[int, ...]
    install: str  # the hint if it is too old
    unit: str  # the unit of systemd that starts its containers after a reboot
    start_interval_from: tuple[float, ...]
    isolates_from: tuple[float, ...]
    tmpfs_has_owner: bool = True  # a folder in memory can belong to one user
    reserves_gpus: bool = True  # False: it silently drops a reservation, and takes CDI devices as device files
    keeps_groups: bool = False  # "keep-groups" leaves the groups of a rootless one's user to a container
    checks_health: bool = True  # itself; if False, systemd does, and without systemd the waiting stackctl
    shuts_networks: bool = True  # networks made by Compose are closed to containers of other networks
    forwards_as_itself: bool = False  # rootless: a published port's clients have the container's address
    is_enabled: bool = True  # the unit is enabled by its installation


# key: the name among the engine's components in `docker version`
# Podman, run as 5.8.6: it refuses a tmpfs with uid=, drops a reservation of the driver nvidia, and has no timers
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
        keeps_groups=True,
        checks_health=False,
        shuts_networks=False,
        forwards_as_itself=True,
        is_enabled=False,
    ),
}


def find_product(components: Iterable[str]) -> str:
    """Return which of PRODUCTS an engine is, by the names of its components; an unknown engine counts as Docker."""
    return next((name for name in components if name in PRODUCTS), EngineSeen.product)


def refuse_old(product: str, version: tuple[int, ...], says: str) -> None:
    """Raise EngineError for an engine that is too old; says: its version as text."""
    known = PRODUCTS[product]
    if version < known.oldest:
        raise EngineError(
            f"{known.title} {says} is too old; {dotted(known.oldest)} or newer is needed",
            hint=known.install,
            issue="engine-too-old",
        )


def features(engine: EngineSeen | None) -> Product:
    """Return the engine's features; Docker's without an engine."""
    name = (
        engine.product if engine and engine.product in PRODUCTS else EngineSeen.product
    )  # a newer stackctl may have recorded it
    return PRODUCTS[name]


def described(engine: EngineSeen) -> str:
    """Return the engine's name and version, as "Docker Engine 28.5.2"."""
    return f"{features(engine).title} {dotted(engine.version)}"


def notes(engine: EngineSeen | None) -> tuple[str, ...]:
    """Return notes about the engine: how the stack starts after a reboot, if it does not by itself."""
    known = features(engine)
    if engine is None or (known.is_enabled and not engine.is_rootless):
        return ()
    enable = f"sudo systemctl enable {known.unit}"
    if engine.is_rootless:
        enable = f"systemctl --user enable {known.unit}; sudo loginctl enable-linger"
    return (f"to start this stack after a reboot, run `{enable}` once",)


def distinctions(engine: EngineSeen) -> tuple[object, ...]:
    """Return the features on which a rendered file depends, for engines other than a rootful Docker; else ()."""
    return tuple(one for one in (engine.product != EngineSeen.product and engine.product, engine.is_rootless) if one)


def start_period(model: ModelSeen, name: str, decisions: Decisions) -> int:
    """Return the seconds that loading may take: twice the time to read the model from its disk, and a margin.

    name: its name in stack.toml's [models]; "" for the model at model.path.
    """
    inputs = {"model": model.name, "bytes": model.size}

    def compute() -> int:
        rate = model.read_mib_s or _SLOW_DISK_MIB_S
        return math.ceil((60 + 2 * model.size / 2**20 / rate) / 10) * 10

    return decisions.decide(
        f"models.{name}.start_period" if name else "backend.start_period", inputs, compute, known=is_number
    )


def patience(model: ModelSeen, name: str, start_s: int, seen: Observed, decisions: Decisions) -> int:
    """Return the seconds that the backend's health check waits: start_period()'s, or the user's if that is longer.

    The user's value is recorded for this model, so that a plain deploy does not recreate the container. Nor does a
    longer wait, while the backend runs with this model.
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
    """Return a health check that runs often during the start if the engine can, else a little more often all the time.

    is_patient: for a service that is only slowed by the CPU on which the backend computes.
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
    """Return whether the engine can create an internal network in which its machine has no address; older ones refuse.

    https://docs.docker.com/engine/network/drivers/bridge/ (gateway mode "isolated")
    """
    return engine is not None and engine.version >= features(engine).isolates_from


def cpus(wanted: float | Literal["auto"], engine: EngineSeen | None) -> float | None:
    """Return a limit on CPUs; None if the kernel does not support it."""
    if wanted == "auto" or (engine and not engine.has_cpu_quota):
        return None
    return float(wanted)


def user_inside(owner: Owner, engine: EngineSeen | None) -> Owner:
    """Return the ids inside a container of a user of this machine; raise EngineError if none stands for that user.

    In a rootless engine root is the engine's user, and every other number is one of that user's subordinate ids.
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
            issue="rootless-other-user",
        )
    return _ROOT


def own_addresses(networks: tuple[Network, ...], engine: EngineSeen | None) -> dict[str, str]:
    """Return a published service's fixed addresses by network, the last of each, if its clients appear under those.

    Run with rootless podman 5.8.6, whose port handler runs in the container's network.
    """
    if engine is None or not (engine.is_rootless and features(engine).forwards_as_itself):
        return {}
    return {one.name: str(IPv4Network(one.subnet).broadcast_address - 1) for one in networks}


def adapt(service: Service, engine: EngineSeen | None) -> Service:
    """Return a service as this engine can run it: with the user's ids inside containers, and the owner of its tmpfs.

    A companion has no user of this machine. Raise EngineError if the engine's containers can't be the user.
    """
    if service.user is None or service.role == "companion":
        return service
    inside = user_inside(service.user, engine)
    has_owner = features(engine).tmpfs_has_owner
    scratch = (replace(one, owner=inside if one.owner and has_owner else None) for one in service.tmpfs)
    return replace(service, user_inside=inside, tmpfs=tuple(scratch))
