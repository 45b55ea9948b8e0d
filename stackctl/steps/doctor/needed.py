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
from stackctl.core.doctor.servers import NO_TIME, Server, registry_of
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
_FAIR_S: Final = 0.5  # who had less time than this to answer is not to blame
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


def _servers(looks: Looks) -> tuple[Server, ...]:
    """Return the registries of the images, and the model hub, whatever is needed of them."""
    system = looks.machine.system
    registries = dict.fromkeys(registry_of(image) for image in planned_images(looks))
    # a registry whose certificate the engine alone trusts is none that we could ask
    found = [Server(name=one, kind="registry") for one in registries if one and not system.names(_CERTIFICATES / one)]
    hub = urlsplit(looks.machine.hub.address())
    if hub.hostname:
        found.append(Server(name=hub.netloc.rpartition("@")[2], kind="hub", scheme=hub.scheme))
    return tuple(replace(one, proxy=system.proxy(one.url)) for one in found)


def _needed(server: Server, looks: Looks) -> Server:
    """Return a server with what is needed of it."""
    if server.kind == "hub":
        return replace(server, needs=_model(looks))
    with suppress(StackctlError):  # without an engine it is unknown what is here
        missing = [image for image in missing_images(looks) if registry_of(image) == server.name]
        return replace(server, needs=_images(missing))
    return server


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
    """Return each server with the reason why its name has no address; "" if it has one, or needs none."""
    return looks.once("names", lambda: _named(looks))


def _named(looks: Looks) -> tuple[tuple[Server, str], ...]:
    asked = _beside(_servers(looks), lambda one: _resolve(one, looks))  # first of all, as it may take long
    return tuple((_needed(server, looks), why) for server, why in asked)


def _resolve(server: Server, looks: Looks) -> str:
    host = server.name.partition(":")[0]
    if server.proxy and server.kind == "hub":
        return ""
    limit = looks.left_s(_RESOLVE_S)
    why = looks.machine.system.resolve(host, within_s=limit)
    return NO_TIME if why == "timeout" and limit < _FAIR_S else why


def reached(looks: Looks) -> tuple[tuple[Server, Reached], ...]:
    """Return each server whose name is known, with its answer."""
    known = [server for server, why in named(looks) if server.proxy or not why]
    return looks.once("reached", lambda: _beside(known, lambda one: _reach(one, looks)))


def _reach(server: Server, looks: Looks) -> Reached:
    limit = looks.left_s(_REACH_S)
    found = looks.machine.system.reach(server.url, within_s=limit)
    is_late = found.failure == "timeout" and limit < _FAIR_S
    return Reached(failure="unasked", says=NO_TIME) if is_late else found


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
