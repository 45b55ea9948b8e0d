"""The addresses of SillyTavern's page: at this machine, at others, and under a proxy's names."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import ip_address

from stackctl.contracts.service import Publish
from stackctl.core.observed import ServiceState
from stackctl.core.plan.exposure import is_for_others
from stackctl.core.plan.stack import Plan
from stackctl.machine import Machine


def page_places(page: ServiceState | None, machine: Machine) -> tuple[Publish, ...]:
    """Return where the engine publishes SillyTavern's container now, this machine's loopback address first."""
    found = machine.docker.attached(page.container).published if page and page.state == "running" else ()
    return tuple(sorted(found, key=lambda one: not one.address.startswith("127.")))


def urls_for_others(published: Iterable[Publish], machine: Machine) -> tuple[str, ...]:
    """Return the URLs that another device can open, with IPv4 first, which people can type."""
    return tuple(sorted((f"http://{one.place}" for one in _for_others(published, machine)), key=_is_v6))


def all_urls(plan: Plan | None, page: ServiceState, machine: Machine) -> tuple[str, ...]:
    """Return every URL of a page that is ready, that for this machine first; () if none is known."""
    if plan is None:
        published = page_places(page, machine)
        first = next((f"http://{one.place}" for one in published), "")
    else:
        published, first = plan.sillytavern.publish, plan.url
    others = urls_for_others(published, machine) if any(not _is_loopback(one) for one in published) else ()
    hosts = tuple(f"https://{host}" for host in plan.hosts) if plan else ()
    return tuple(dict.fromkeys(filter(None, (first, *others, *hosts))))


def _for_others(published: Iterable[Publish], machine: Machine) -> Iterator[Publish]:
    """The places that another device can open; a port that is open on all addresses is given with each of them."""
    interfaces, bridges = machine.host.interfaces(), machine.host.bridges()
    for one in published:
        ip, here = ip_address(one.address), map(ip_address, machine.host.addresses())
        meant = [own for own in here if own.version == ip.version] if ip.is_unspecified else [ip]
        found = (str(own) for own in meant if is_for_others(str(own), interfaces, bridges))
        yield from (replace(one, address=address) for address in found)


def _is_loopback(one: Publish) -> bool:
    return one.address.startswith("127.") or one.address == "::1"


def _is_v6(url: str) -> bool:
    return url.startswith("http://[")
