"""Diagnoses why an external backend does not answer, from the probes of containers and of this machine."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Literal

from stackctl import backends
from stackctl.core.config.spec import Spec
from stackctl.core.config.values import either
from stackctl.core.external import backend_url
from stackctl.core.external.detection import DetectedServer, detect_server, detected_servers
from stackctl.core.observed import ProbeResult, ServerSeen
from stackctl.errors import ConfigError, NotReady, StackctlError
from stackctl.terminal import command_line

_WORDS: Final = {
    "name": "no such name, for a container",
    "refused": "connection refused",
    "timeout": "no answer in time",
    "unreachable": "no route",
}
_LISTEN: Final = ", ".join(f"`{one.LISTEN}` ({one.TITLE})" for one in backends.BACKENDS.values())
_PORTS: Final = ", ".join(f"{one.TITLE} {either(*map(str, one.USUAL_PORTS))}" for one in backends.BACKENDS.values())
_SHOWN: Final = 100  # characters of an unknown answer
_BROKEN: Final = 500  # a status from here on means that the server, or a proxy in front of it, is broken


@dataclass(frozen=True, kw_only=True)
class Unavailable:
    """Why a backend does not answer. is_transient: whether waiting helps: yes, maybe, no."""

    error: StackctlError
    is_transient: Literal["yes", "maybe", "no"]


def diagnose(spec: Spec, server: ServerSeen | None) -> Unavailable | None:
    """Return None if the backend answers with a loaded model; else why not. server: None if it could not be asked."""
    if server is None:
        return Unavailable(error=_never_asked(spec), is_transient="no")
    if not (found := detected_servers(server)):
        return _unreached(spec, server)
    title, url, served = found[0].backend.TITLE, found[0].url, found[0].served
    if served.is_loading:
        error = NotReady(
            f"{title} at {url} is still loading its model",
            hint="Run `stackctl deploy --timeout SECONDS` to wait longer.",
            issue="time-limit-reached",
        )
        return Unavailable(error=error, is_transient="yes")
    if served.is_locked:
        says = "refuses the API key that stackctl sent" if server.key else "asks for an API key"
        hint = (
            "Write the key the server was started with into a file (`chmod 600 FILE`), and set "
            '`backend.key_file = "FILE"` in stack.toml.'
        )
        return Unavailable(
            error=ConfigError(f"{title} at {url} {says}", hint=hint, issue="api-key-refused"), is_transient="no"
        )
    if cause := served.problem:
        return Unavailable(error=cause.error(url), is_transient="no")
    return None


def _never_asked(spec: Spec) -> ConfigError:
    """Return the error for a server that was not asked yet, so that no answer is recorded."""
    return ConfigError(
        f"the kind of server at {backend_url.origin(spec.backend.url)} is not known yet",
        hint="Run `stackctl deploy`, which asks it from a container of SillyTavern's image and records the answer.",
        issue="backend-elsewhere-unknown",
    )


def _unreached(spec: Spec, server: ServerSeen) -> Unavailable:
    """Return why no server of a known kind answers."""
    wanted = backend_url.origin(spec.backend.url)
    number, failures = backend_url.port(wanted), {tried.failure for tried in server.tried}
    answering = [tried for tried in server.tried if tried.answers]
    here = detect_server(server.here) if server.here else None
    shown = tuple(line for tried in server.tried for line in _lines(tried))

    def because(
        says: str, hint: str, is_transient: Literal["yes", "maybe", "no"], issue: str = "backend-elsewhere-unreachable"
    ) -> Unavailable:
        return Unavailable(error=NotReady(says, hint=hint, evidence=shown, issue=issue), is_transient=is_transient)

    if answering:
        statuses = [answer.status for tried in answering for answer in tried.answers.values()]
        says = f"the server at {answering[0].url} is of no kind that stackctl knows"
        hint = f"Check that the API is on and that this is its port: {_PORTS}; text-generation-webui needs `--api`."
        is_transient: Literal["maybe", "no"] = "maybe" if min(statuses) >= _BROKEN else "no"
        return because(says, hint, is_transient, "backend-elsewhere-unknown")
    if server.listeners:
        return because(*_shut(number, server.listeners, here))
    if found := next(filter(None, map(detect_server, server.elsewhere)), None):
        at = backend_url.at_port(wanted, backend_url.port(found.url))
        says = f"nothing answers at {wanted}, but {found.backend.TITLE} does at {at}"
        return because(says, f"Run `{command_line('stackctl', 'deploy', '--url', at)}`.", "maybe")
    if failures == {"name"}:
        hint = "Use its address instead: containers don't know the names of this machine's hosts file or of Windows."
        return because(f"no container can resolve the name {backend_url.host(wanted)}", hint, "maybe")
    if failures <= _WORDS.keys():
        return because(*_silent(spec, server, number, failures), "maybe")
    return because(f"the server at {wanted} can't be asked", "Read the lines above: they are node's reason.", "no")


def _shut(
    number: int, listeners: tuple[str, ...], here: DetectedServer | None
) -> tuple[str, str, Literal["maybe", "no"]]:
    """Return (message, hint, is_transient) for a port that is open on this machine, but not to containers."""
    who = f"{here.backend.TITLE} listens" if here else "something listens"
    if all(ip_address(one).is_loopback for one in listeners):
        says = f"{who} on port {number} of this machine, but only on 127.0.0.1, which no container can reach"
        return says, f"Start it with {f'`{here.backend.LISTEN}`' if here else _LISTEN}.", "no"
    says = f"{who} on port {number} of this machine ({', '.join(listeners)}), but no container can connect to it"
    return (
        says,
        f"Open the port in this machine's firewall, the usual cause; with ufw: `sudo ufw allow {number}/tcp`.",
        "maybe",
    )


def _silent(spec: Spec, server: ServerSeen, number: int, failures: set[str]) -> tuple[str, str]:
    """Return (message, hint) for a server that does not answer at all."""
    is_here = backend_url.is_here(spec.backend.url, server.around)
    later = "Its port may stay closed while it loads its model; `stackctl deploy --timeout SECONDS` waits for it."
    if is_here and server.around.is_wsl:
        hint = f"Start it with {_LISTEN}, and on Windows allow it in the firewall. {later}"
        return f"nothing answers on port {number}, neither here in WSL nor on Windows", hint
    if is_here:
        return (
            f"nothing listens on port {number} of this machine",
            f"Start it, or correct `backend.url`. {later}",
        )
    name = backend_url.host(spec.backend.url)
    if "refused" in failures:
        hint = f"Start it with {_LISTEN}. {later}"
        return f"{name} refuses connections on port {number}", hint
    if ":" in name:
        hint = "Use its IPv4 address: containers have no IPv6 unless their engine is set up for it."
        return f"{name} does not answer", hint
    hint = 'Set `backend.wake = "MAC"` in stack.toml to wake it up, or open its firewall to this machine.'
    if spec.backend.wake:
        hint = f"Allow Wake-on-LAN in its BIOS and network card: a packet to {spec.backend.wake} did not wake it up."
    return f"{name} does not answer: it is off or asleep, or a firewall blocks port {number}", hint


def _lines(tried: ProbeResult) -> list[str]:
    """Return the answers of one URL as lines of evidence."""
    if not tried.answers:
        return [f"{tried.url}: {_WORDS.get(tried.failure, tried.failure)}"]
    return [
        f"{tried.url}{path}: {answer.status} {' '.join(answer.body.split())[:_SHOWN]}".rstrip()
        for path, answer in tried.answers.items()
    ]
