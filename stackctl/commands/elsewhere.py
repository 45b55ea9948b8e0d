"""A backend that runs elsewhere: asked from inside a container, waited for, woken up."""

import time
from collections.abc import Callable
from dataclasses import replace

from stackctl.commands.fetch import fetch_tavern
from stackctl.core import elsewhere, place
from stackctl.core.images import tavern_image
from stackctl.core.lock import Decisions, Lock
from stackctl.core.plan import stack_name
from stackctl.core.seen import Seen, ServerSeen
from stackctl.core.servers import known, questions
from stackctl.core.spec import Spec
from stackctl.core.unreached import Missing, missing
from stackctl.effects import inquiry
from stackctl.effects.files import located, private_text
from stackctl.machine import Machine
from stackctl.secret import Secret, servers_key

TIMEOUT_S = 300
_PAUSE_S = 2.0
_AGAIN_S = 20.0  # a magic packet may get lost


def asked(spec: Spec, seen: Seen, recorded: Lock, machine: Machine) -> Seen:
    """What is seen, with what answers at backend.url now, and its model."""
    server = ask(spec, recorded, machine)
    return replace(seen, server=server, model=elsewhere.model(server))


def ask(spec: Spec, recorded: Lock, machine: Machine) -> ServerSeen | None:
    """What answers at backend.url now; None while SillyTavern's image, from which it is asked, is not here."""
    image, _ = tavern_image(spec, Decisions(recorded))
    if machine.images.digest(image) is None:
        return None
    url, engine = spec.backend.url, machine.engine
    around = machine.around(inquiry.gateway(engine))
    network = inquiry.network(engine, f"{stack_name(spec, machine.place)}_edge")
    key = _key(spec, machine)
    tried = inquiry.ask(engine, image, network, place.candidates(url, around), questions(), key)
    server = ServerSeen(around=around, tried=tried, key=key)
    if known(server) or not (engine.is_local and place.is_here(url, around)):
        return server
    here = f"{place.origin(url).partition('://')[0]}://127.0.0.1:{place.port(url)}"
    return replace(server, here=machine.ask_here(here, questions(), key), listeners=machine.listeners(place.port(url)))


def met(
    spec: Spec,
    seen: Seen,
    recorded: Lock,
    machine: Machine,
    *,
    timeout_s: int | None,
    again: Callable[[Spec, Seen, Lock, Machine], Seen] = asked,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[Seen, Lock]:
    """Wait until the backend elsewhere answers with a loaded model; raise what keeps it from it.

    A loading one is waited for, a silent one where it can be woken up or the user named a time-out. Returns what is
    seen then, and the lock, which differs where our own image of SillyTavern had to stand in for the official one.
    A backend of the stack's own is none of this function's business.
    """
    if not spec.backend.is_elsewhere:
        return seen, recorded
    began, sent_at = clock(), float("-inf")
    if seen.server is None:
        recorded = fetch_tavern(tavern_image(spec, Decisions(recorded))[0], spec, recorded, machine)
        seen = again(spec, seen, recorded, machine)
    while lack := missing(spec, seen.server):
        if not _may_wait(lack, spec, timeout_s) or clock() - began > (timeout_s or TIMEOUT_S):
            raise lack.error
        if spec.backend.wake and lack.passes == "maybe" and clock() - sent_at > _AGAIN_S:
            machine.wake(spec.backend.wake, place.host(spec.backend.url))
            machine.ui.note(f"sent Wake-on-LAN to {spec.backend.wake}")
            sent_at = clock()
        machine.ui.status(f"{lack.error.message}; waiting")
        sleep(_PAUSE_S)
        seen = again(spec, seen, recorded, machine)
    return seen, recorded


def _key(spec: Spec, machine: Machine) -> Secret | None:
    """The key that the server wants, as far as the user says; from here on it is hidden from all that is printed."""
    if not spec.backend.key_file:
        return None
    path = located(spec.backend.key_file, machine.path)
    key = servers_key(private_text(path), str(path))
    machine.ui.hide(key)
    return key


def _may_wait(lack: Missing, spec: Spec, timeout_s: int | None) -> bool:
    return lack.passes == "yes" or (lack.passes == "maybe" and bool(timeout_s or spec.backend.wake))
