"""Names and servers that a deploy needs: whether they answer, and whether it matters."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from stackctl.contracts.engine import EngineDetails
from stackctl.contracts.finding import Finding, Severity
from stackctl.contracts.system import Reached
from stackctl.core.plan.images import repository
from stackctl.terminal import command_line

_HUB: Final = "docker.io"
# where Docker Hub answers its engine: https://distribution.github.io/distribution/spec/api/
_HUB_SERVER: Final = "registry-1.docker.io"
_DATES: Final = re.compile("not yet valid|expired", re.IGNORECASE)  # OpenSSL's words for a certificate's dates
NO_TIME: Final = "no time was left to ask"  # on a busy machine: nothing is known of a name or server
_NO_TLS: Final = re.compile("wrong.version.number", re.IGNORECASE)  # it answers, by HTTP, as the engine may allow
_ERRNO: Final = re.compile(r"^\[Errno -?\d+\] ")
_BUILT_HERE: Final = frozenset({"localhost"})


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that a deploy asks. needs: what is missing here and comes from it, as a clause; "" if all is here."""

    name: str
    kind: Literal["registry", "hub"]
    needs: str = ""
    proxy: str = ""  # host:port of the environment's proxy for it
    scheme: str = "https"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.name}{'/v2/' if self.kind == 'registry' else '/'}"


def registry_of(image: str) -> str:
    """Return the server that an image is pulled from; "" for one that is built here."""
    first, _, rest = repository(image).partition("/")
    if not rest or not ("." in first or ":" in first or first in _BUILT_HERE):
        return _HUB_SERVER
    if first.partition(":")[0] in _BUILT_HERE or first.startswith("127."):
        return ""
    return _HUB_SERVER if first in {_HUB, f"index.{_HUB}"} else first


def is_out_of_date(reached: Reached) -> bool:
    """Return whether a server's certificate was refused for its dates: one of the two clocks is wrong."""
    return reached.failure == "tls" and _DATES.search(reached.says) is not None


def judge_names(
    asked: Iterable[tuple[Server, str]], resolvers: str | None, details: EngineDetails | None
) -> tuple[Finding, ...]:
    """Return whether names are not resolved: (server, why it has no address, "" if it has one).

    resolvers: /etc/resolv.conf. Where a proxy is asked instead, or the engine has one for registries, no name is needed
    here. If some names are resolved, the others' own servers are at fault, and the check of servers says so.
    """
    mine = [(server, why) for server, why in asked if not server.proxy]
    if not mine or not all(why and why != NO_TIME for _, why in mine):
        return ()
    waited = all(why == "timeout" for _, why in mine)
    needs = [server.needs for server, _ in mine if server.needs]
    by_engine = bool(details and details.proxies) and all(server.kind == "registry" for server, _ in mine)
    names = [server.name for server, _ in mine]
    have = f"{' and '.join(names)} {'have' if len(names) > 1 else 'has'} no address"
    lines = [line.strip() for line in (resolvers or "").splitlines() if line.startswith("nameserver")]
    how = "no resolver answered in time" if waited else _ERRNO.sub("", mine[0][1])
    return (
        Finding(
            issue="names-not-resolved",
            severity=_severity(needs, is_sure=not by_engine),
            says=f"{have} ({how}){_because(needs)}",
            hint="Check the network (`ip route`) and the resolvers in /etc/resolv.conf: "
            f"`{command_line('getent', 'hosts', mine[0][0].name)}` prints an address once they work.",
            evidence=tuple(f"/etc/resolv.conf: {one[:100]}" for one in lines[:4])
            or ("/etc/resolv.conf names no resolver",),
        ),
    )


def judge_engines_way(asked: Iterable[tuple[Server, str]], details: EngineDetails) -> tuple[Finding, ...]:
    """Return the registries that this user reaches by a proxy which the engine, who pulls images, does not have.

    It is sure only where names of the Internet have no address here, as behind many a company's proxy.
    """
    if details.proxies or details.mirrors:
        return ()
    return tuple(
        Finding(
            issue="registry-unreachable",
            context=server.name,
            says=f"the engine has no proxy, and {server.name} has no address here{_because([server.needs])}",
            hint=f"Give Docker the proxy {server.proxy}: https://docs.docker.com/engine/daemon/proxy/ .",
            evidence=(
                "docker info: no HTTPS proxy",
                f"https_proxy of this user: {server.proxy}",
                f"{server.name}: {why}",
            ),
        )
        for server, why in asked
        if server.kind == "registry" and server.proxy and server.needs and why and why != NO_TIME
    )


def judge_servers(asked: Iterable[tuple[Server, Reached]], details: EngineDetails | None) -> tuple[Finding, ...]:
    """Return the servers that do not answer, one finding for each."""
    return tuple(found for server, reached in asked if (found := _judge(server, reached, details)))


def _judge(server: Server, reached: Reached, details: EngineDetails | None) -> Finding | None:
    if not reached.failure or reached.failure in {"name", "unasked"} or _NO_TLS.search(reached.says):
        return None
    is_registry = server.kind == "registry"
    # the engine pulls images by its own way, which may be another one than ours
    has_other_way = is_registry and details is not None and bool(details.proxies or details.mirrors)
    by = f" by the proxy {reached.proxy}" if reached.proxy else ""
    needs = [server.needs] if server.needs else []
    if reached.failure == "tls" and not is_out_of_date(reached):
        return Finding(
            issue="certificate-not-trusted",
            severity=_severity(needs, is_sure=not has_other_way),
            context=server.name,
            says=f"the certificate that {server.name} shows{by} is not trusted here ({reached.says[:80]}): a proxy or "
            f"a virus scanner may open the connection{_because(needs)}",
            hint="Install its certificate among the system's (`update-ca-certificates`), set SSL_CERT_FILE to a file "
            "with it, and restart Docker.",
            evidence=(f"{server.url}: {reached.says[:120]}",),
        )
    why = reached.says[:120] or reached.failure
    return Finding(
        issue="registry-unreachable" if is_registry else "hub-unreachable",
        severity=_severity(needs, is_sure=not has_other_way and reached.failure != "timeout"),
        context=server.name,
        says=f"{server.name} does not answer{by} ({why}){_because(needs)}",
        hint=f"Check the network and the firewall: `{command_line('curl', '-I', server.url)}` shows what arrives. "
        "Behind a proxy set `https_proxy`, and the engine's own (https://docs.docker.com/engine/daemon/proxy/).",
        evidence=(f"{server.url}: {why}",),
    )


def _severity(needs: Collection[str], *, is_sure: bool) -> Severity:
    """With all that a stack needs on this machine it works offline; a slow answer is none that never comes."""
    return "failure" if needs and is_sure else "warning"


def _because(needs: Collection[str]) -> str:
    return f", and {' and '.join(dict.fromkeys(needs))} to come from there" if needs else ""
