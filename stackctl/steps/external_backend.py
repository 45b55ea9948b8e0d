"""A backend outside the stack: asked from inside a container, waited for, woken up."""

import time
from collections.abc import Callable
from dataclasses import replace

from stackctl.core.config.lock import Decisions, Lock
from stackctl.core.config.spec import Spec
from stackctl.core.external import backend_url
from stackctl.core.external.detection import detected_servers, questions, usual_ports
from stackctl.core.external.diagnosis import Unavailable, diagnose
from stackctl.core.observed import Observed, ServerSeen
from stackctl.core.plan import external_backend
from stackctl.core.plan.images import tavern_image
from stackctl.core.plan.plan import stack_name
from stackctl.machine import Machine
from stackctl.secret import Secret, servers_key
from stackctl.steps.fetch_images import fetch_tavern
from stackctl.steps.own_turns import with_turns

TIMEOUT_S = 300
_PAUSE_S = 2.0
_AGAIN_S = 20.0  # a magic packet may get lost


def observed_external(spec: Spec, seen: Observed, recorded: Lock, machine: Machine) -> Observed:
    """Return `seen` with the server that answers at backend.url now, and its model."""
    server = observe_external(spec, recorded, machine)
    return replace(seen, server=server, model=with_turns(external_backend.external_model(server), machine))


def observe_external(spec: Spec, recorded: Lock, machine: Machine) -> ServerSeen | None:
    """Return what answers at backend.url now; None until SillyTavern's image is here, whose container asks."""
    image, _ = tavern_image(spec, Decisions(recorded))
    if machine.docker.images.digest(image) is None:
        return None
    url, engine = spec.backend.url, machine.docker
    around = machine.host.identity(engine.gateway())
    network = engine.network(f"{stack_name(spec, machine.place)}_edge")
    key = _key(spec, machine)
    tried = engine.ask(image, network, backend_url.candidates(url, around), questions(), key)
    server = ServerSeen(around=around, tried=tried, key=key)
    if detected_servers(server):
        return server
    usual = [backend_url.at_port(url, port) for port in usual_ports() if port != backend_url.port(url)]
    if not (engine.is_local and backend_url.is_here(url, around)):
        is_closed = any(one.failure == "refused" for one in tried)  # the machine answers, and not at this port
        asked = [way for one in usual for way in backend_url.candidates(one, around)] if is_closed else []
        # the key is for the server at this port alone
        return replace(server, elsewhere=engine.ask(image, network, tuple(asked), questions(), None) if asked else ())
    port, local = backend_url.port(url), backend_url.renamed(backend_url.origin(url), "127.0.0.1")
    open_ones = [one for one in usual_ports() if one != port and machine.host.listeners(one)]
    return replace(
        server,
        here=machine.host.ask_here(backend_url.at_port(local, port), questions(), key),
        listeners=machine.host.listeners(port),
        elsewhere=tuple(machine.host.ask_here(backend_url.at_port(local, one), questions(), None) for one in open_ones),
    )


def wait_for_external(
    spec: Spec,
    seen: Observed,
    recorded: Lock,
    machine: Machine,
    *,
    timeout_s: int | None,
    again: Callable[[Spec, Observed, Lock, Machine], Observed] = observed_external,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[Observed, Lock]:
    """Wait until the external backend answers with a loaded model; raise the error that prevents it.

    A server that loads its model is waited for; a silent one only if it can be woken up or the user set a time-out.
    Returns what is observed then, and the lock, which differs if our own image of SillyTavern had to replace the
    official one. Returns at once for a backend that this stack runs itself.
    """
    if not spec.backend.is_external:
        return seen, recorded
    began, sent_at = clock(), float("-inf")
    if seen.server is None:
        recorded = fetch_tavern(tavern_image(spec, Decisions(recorded))[0], spec, recorded, machine)
        seen = again(spec, seen, recorded, machine)
    while lack := diagnose(spec, seen.server):
        if not _may_wait(lack, spec, timeout_s) or clock() - began > (timeout_s or TIMEOUT_S):
            raise lack.error
        if spec.backend.wake and lack.is_transient == "maybe" and clock() - sent_at > _AGAIN_S:
            machine.host.wake(spec.backend.wake, backend_url.host(spec.backend.url))
            machine.ui.note(f"sent Wake-on-LAN to {spec.backend.wake}")
            sent_at = clock()
        machine.ui.status(f"{lack.error.message}; waiting")
        sleep(_PAUSE_S)
        seen = again(spec, seen, recorded, machine)
    return seen, recorded


def _key(spec: Spec, machine: Machine) -> Secret | None:
    """Return the key in backend.key_file, None without one; it is hidden from all that is printed."""
    if not spec.backend.key_file:
        return None
    path = machine.storage.locate(spec.backend.key_file, machine.path)
    key = servers_key(machine.storage.private_text(path), str(path))
    machine.ui.hide(key)
    return key


def _may_wait(lack: Unavailable, spec: Spec, timeout_s: int | None) -> bool:
    return lack.is_transient == "yes" or (lack.is_transient == "maybe" and bool(timeout_s or spec.backend.wake))
