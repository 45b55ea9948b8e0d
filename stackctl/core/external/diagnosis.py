"""Why a backend elsewhere does not answer SillyTavern, from what containers and this machine saw of it."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Literal

from stackctl import backends
from stackctl.core.config.spec import Spec
from stackctl.core.external import backend_url
from stackctl.core.external.detection import DetectedServer, detect_server, detected_servers
from stackctl.core.observed import ProbeResult, ServerSeen
from stackctl.errors import ConfigError, NotReady, StackctlError

_WORDS: Final = {
    "name": "no such name, for a container",
    "refused": "connection refused",
    "timeout": "no answer in time",
    "unreachable": "no route",
}
_LISTEN: Final = ", ".join(f"{one.LISTEN} ({one.TITLE})" for one in backends.BACKENDS.values())
_PORTS: Final = ", ".join(f"{one.TITLE} {one.PORT}" for one in backends.BACKENDS.values())
_SHOWN: Final = 100  # characters of an answer that nobody knows
_BROKEN: Final = 500  # from here on a status says that a server, or a proxy before it, is not well


@dataclass(frozen=True, kw_only=True)
class Unavailable:
    """What keeps a backend from answering. `is_transient`: whether waiting helps: it does, it may, it never will."""

    error: StackctlError
    is_transient: Literal["yes", "maybe", "no"]


def diagnose(spec: Spec, server: ServerSeen | None) -> Unavailable | None:
    """None once the backend answers with a loaded model; else why not. server None: it could not be asked."""
    if server is None:
        return Unavailable(error=_never_asked(spec), is_transient="no")
    if not (found := detected_servers(server)):
        return _unreached(spec, server)
    title, url, served = found[0].backend.TITLE, found[0].url, found[0].served
    if served.is_loading:
        error = NotReady(f"{title} at {url} is still loading its model", hint="stackctl deploy --timeout SECONDS")
        return Unavailable(error=error, is_transient="yes")
    if served.is_locked:
        says = "refuses the API key that it was sent" if server.key else "wants an API key"
        hint = 'write the one it was started with into a file (chmod 600), and in stack.toml backend.key_file = "FILE"'
        return Unavailable(error=ConfigError(f"{title} at {url} {says}", hint=hint), is_transient="no")
    if cause := served.problem:
        return Unavailable(error=cause.error(url), is_transient="no")
    return None


def _never_asked(spec: Spec) -> ConfigError:
    """The error where a server was not asked yet, and so nothing of it is recorded."""
    return ConfigError(
        f"it is not known yet what answers at {backend_url.origin(spec.backend.url)}",
        hint="stackctl deploy asks it, from inside a container of SillyTavern's image, and records the answer",
    )


def _unreached(spec: Spec, server: ServerSeen) -> Unavailable:
    """Why nothing of a known kind answers."""
    wanted = backend_url.origin(spec.backend.url)
    number, failures = backend_url.port(wanted), {tried.failure for tried in server.tried}
    answering = [tried for tried in server.tried if tried.answers]
    here = detect_server(server.here) if server.here else None
    shown = tuple(line for tried in server.tried for line in _lines(tried))

    def because(says: str, hint: str, is_transient: Literal["yes", "maybe", "no"]) -> Unavailable:
        return Unavailable(error=NotReady(says, hint=hint, evidence=shown), is_transient=is_transient)

    if answering:
        statuses = [answer.status for tried in answering for answer in tried.answers.values()]
        says = f"what answers at {answering[0].url} is none of the servers that stackctl knows"
        hint = f"is it the port of its API, and is the API on? {_PORTS}; text-generation-webui needs --api"
        return because(says, hint, "maybe" if min(statuses) >= _BROKEN else "no")
    if server.listeners:
        return because(*_shut(number, server.listeners, here))
    if failures == {"name"}:
        hint = "use its address instead: names of this machine's hosts file, and of Windows, are unknown there"
        return because(f"no container knows the name {backend_url.host(wanted)}", hint, "maybe")
    if failures <= _WORDS.keys():
        return because(*_silent(spec, server, number, failures), "maybe")
    return because(f"the server at {wanted} can't be asked", "the reason stands above, in node's words", "no")


def _shut(
    number: int, listeners: tuple[str, ...], here: DetectedServer | None
) -> tuple[str, str, Literal["maybe", "no"]]:
    """The same for a port that is open on this machine, though not for containers."""
    who = f"{here.backend.TITLE} listens" if here else "something listens"
    if all(ip_address(one).is_loopback for one in listeners):
        says = f"{who} on port {number} of this machine, but on 127.0.0.1 alone: no container reaches it there"
        return says, f"start it with {here.backend.LISTEN if here else _LISTEN}", "no"
    says = f"{who} on port {number} of this machine ({', '.join(listeners)}), but no container gets through to it"
    return says, f"a firewall is the usual cause; with ufw: sudo ufw allow {number}/tcp", "maybe"


def _silent(spec: Spec, server: ServerSeen, number: int, failures: set[str]) -> tuple[str, str]:
    """(what is so, what to do) where nobody answers at all."""
    is_here = backend_url.is_here(spec.backend.url, server.around)
    later = "while it loads its model its port may be closed: stackctl deploy --timeout SECONDS waits for it"
    if is_here and server.around.is_wsl:
        hint = f"start it with {_LISTEN}; on Windows its firewall must let it through; {later}"
        return f"nothing answers on port {number}, neither here in WSL nor on Windows", hint
    if is_here:
        return f"nothing listens on port {number} of this machine", f"is it running? {later}"
    name = backend_url.host(spec.backend.url)
    if "refused" in failures:
        hint = f"is it running, and with {_LISTEN}? {later}"
        return f"{name} refuses connections on port {number}", hint
    if ":" in name:
        hint = "containers have no IPv6 unless their engine is set up for it: use its IPv4 address"
        return f"{name} does not answer", hint
    hint = 'backend.wake = "MAC" in stack.toml wakes it up; the firewall there must let this machine through'
    if spec.backend.wake:
        hint = f"Wake-on-LAN to {spec.backend.wake} did not help: the BIOS and the network card there must allow it"
    return f"{name} does not answer: it is off or asleep, or a firewall keeps port {number} shut", hint


def _lines(tried: ProbeResult) -> list[str]:
    """What was seen at one URL, for an error to show."""
    if not tried.answers:
        return [f"{tried.url}: {_WORDS.get(tried.failure, tried.failure)}"]
    return [
        f"{tried.url}{path}: {answer.status} {' '.join(answer.body.split())[:_SHOWN]}".rstrip()
        for path, answer in tried.answers.items()
    ]
