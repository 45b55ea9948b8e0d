"""The servers that a deploy of this folder needs, and what it needs of them: what is not on this machine yet."""

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final, TypeVar
from urllib.parse import urlsplit

from stackctl import backends
from stackctl.contracts.service import CPU
from stackctl.contracts.system import Reached
from stackctl.core.config.spec import Spec
from stackctl.core.doctor.servers import Server, registry_of
from stackctl.core.tavern import container as tavern
from stackctl.errors import StackctlError
from stackctl.steps.config_request import read_lock
from stackctl.steps.doctor.check import Looks
from stackctl.steps.stack_model import model_path

A = TypeVar("A")
B = TypeVar("B")
_CERTIFICATES: Final = PurePosixPath(
    "/etc/docker/certs.d"
)  # of registries: https://docs.docker.com/engine/security/certificates/
_RESOLVE_S: Final = 0.7  # together they end before the doctor does
_REACH_S: Final = 0.9


def planned_images(looks: Looks) -> tuple[str, ...]:
    """Return the images of the stack that was deployed here, or those that a first deploy takes on a CPU."""
    plan = looks.plan()
    if plan:
        return tuple(dict.fromkeys(one.image for one in plan.services))
    spec = looks.spec()
    found = [] if spec.images == "own" else [tavern.IMAGE]
    if not spec.backend.is_external and spec.images != "own":
        found += [one.name for one in backends.find_backend(spec.backend.kind).IMAGES.get(CPU, ())[:1]]
    return tuple(found)


def missing_images(looks: Looks) -> tuple[str, ...]:
    """Return those of them that the engine does not have; raise EngineError if it does not answer."""
    return looks.once("missing images", lambda: _missing_images(looks))


def _missing_images(looks: Looks) -> tuple[str, ...]:
    looks.engine()
    return tuple(one for one in planned_images(looks) if looks.machine.docker.images.digest(one) is None)


def model_place(looks: Looks) -> Path | None:
    """Return where the stack's model lies or will lie; None for the demo model, or a backend elsewhere."""
    spec = looks.spec()
    if spec.backend.is_external or spec.model.is_demo:
        return None
    return model_path(spec.model, looks.machine, read_lock(looks.machine).decisions)


def servers(looks: Looks) -> tuple[Server, ...]:
    """Return the registries of the images, and the model hub."""
    return looks.once("servers", lambda: _servers(looks))


def _servers(looks: Looks) -> tuple[Server, ...]:
    system = looks.machine.system
    missing: tuple[str, ...] = ()
    with suppress(StackctlError):  # without an engine it is unknown what is here
        missing = missing_images(looks)
    registries: dict[str, list[str]] = {}
    for image in planned_images(looks):
        name = registry_of(image)
        if name and not system.names(_CERTIFICATES / name):  # which the engine alone trusts
            registries.setdefault(name, []).extend([image] if image in missing else [])
    found = [Server(name=name, kind="registry", needs=_images(needed)) for name, needed in registries.items()]
    hub = urlsplit(looks.machine.hub.address())
    if hub.hostname:
        name = hub.netloc.rpartition("@")[2]
        found.append(Server(name=name, kind="hub", needs=_model(looks), scheme=hub.scheme))
    return tuple(replace(one, proxy=system.proxy(one.url)) for one in found)


def _images(needed: list[str]) -> str:
    return "" if not needed else f"the image {needed[0]} has" if len(needed) == 1 else f"{len(needed)} images have"


def _model(looks: Looks) -> str:
    with suppress(StackctlError):
        spec: Spec = looks.spec()
        if spec.model.source.startswith("hf:") and not spec.backend.is_external:
            place = model_place(looks)
            return "" if place and place.exists() else "the model has"
    return ""


def named(looks: Looks) -> tuple[tuple[Server, str], ...]:
    """Return each server with the reason why its name has no address; "" if it has one, or a proxy finds it."""
    return looks.once("names", lambda: _beside(servers(looks), lambda one: _resolve(one, looks)))


def _resolve(server: Server, looks: Looks) -> str:
    host = server.name.partition(":")[0]
    return "" if server.proxy else looks.machine.system.resolve(host, within_s=_RESOLVE_S)


def reached(looks: Looks) -> tuple[tuple[Server, Reached], ...]:
    """Return each server whose name is known, with its answer."""
    known = [server for server, why in named(looks) if not why]
    return looks.once(
        "reached", lambda: _beside(known, lambda one: looks.machine.system.reach(one.url, within_s=_REACH_S))
    )


def _beside(what: Iterable[A], look: Callable[[A], B]) -> tuple[tuple[A, B], ...]:
    """Look at all at once, and return each with what was seen. The looks have limits of time themselves."""
    wanted = tuple(what)
    found: dict[int, B] = {}

    def keep(at: int) -> None:
        found[at] = look(wanted[at])

    threads = [threading.Thread(target=keep, args=(at,), daemon=True) for at in range(len(wanted))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tuple((wanted[at], found[at]) for at in range(len(wanted)))
