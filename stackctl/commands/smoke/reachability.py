"""Checks of what is reachable from where."""

from collections.abc import Iterator, Sequence

from stackctl import backends
from stackctl.commands.smoke.site import Site
from stackctl.companions import api_relay
from stackctl.contracts.request import COMPLETION, Request
from stackctl.contracts.service import Service
from stackctl.core.external import backend_url
from stackctl.core.observed import ProbeResult
from stackctl.core.smoke import reachability
from stackctl.core.smoke.reachability import ContainerNetworking, Route, Target, join
from stackctl.core.smoke.result import NotApplicable
from stackctl.core.tavern import container as tavern
from stackctl.errors import Exposed, NotReady
from stackctl.steps.prove import wrong_key
from stackctl.terminal import command_line

_PATIENCE_S = 2.0  # for a connection that Docker's firewall drops silently
_ANSWER_S = 10.0  # for a connection that will surely be answered
_HERE = "this host"
_PAGE = Request(path="/csrf-token")  # small, and refused like every other path
_CHANGE = "/api/ping"  # changes nothing, but is refused like a request that does
_NOBODY = "stackctl-smoke.invalid"  # RFC 6761: nothing has a name below .invalid


def whitelist(site: Site) -> str:
    """Check that this machine is let in, and that other containers in SillyTavern's networks are not."""
    found = _attached(site, tavern.NAME)
    for one in found.networks:
        (tried,) = _from_container(site, one.network, (f"http://{one.address}:{tavern.PORT}",), _PAGE)
        answer = tried.answers.get(_PAGE.path)
        if answer is None:
            raise NotReady(
                f"SillyTavern can't be asked from its own network {one.network}: {tried.failure}",
                hint="Run `stackctl logs sillytavern` to see why.",
                issue="page-unreachable",
            )
        if reachability.lets_in(answer):
            raise Exposed(
                f"SillyTavern lets every container of its network {one.network} in",
                hint="Check SILLYTAVERN_WHITELIST and WHITELISTMODE in compose.override.yml, and whitelist in "
                "config.yaml in SillyTavern's config folder.",
            )
    is_asked_from_here = site.machine.docker.is_local and site.plan.sillytavern.publish
    who = "this machine" if is_asked_from_here else "its own container (only from there it could be asked)"
    return f"{who} is let in; other containers in {' and '.join(n.network for n in found.networks)} are not"


def origin(site: Site) -> str:
    """Check that a web page gets nothing, neither by a host name that leads here (DNS rebinding) nor by its origin."""
    status, _ = site.page.as_other("GET", _PAGE.path, Host=_NOBODY)
    if status not in reachability.REFUSED:
        raise Exposed(
            f"SillyTavern answers to any host name ({status}): a web page can read all chats by DNS rebinding",
            hint="Run `stackctl deploy` if an older stackctl deployed this stack. Else check "
            "SILLYTAVERN_HOSTWHITELIST_HOSTS in compose.override.yml, and whether sillytavern.image is too old for it.",
            issue="open-to-web-pages",
        )
    for other in (f"https://{_NOBODY}", "null"):  # "null" is the origin of any page in a sandboxed frame
        if site.page.as_other("GET", _PAGE.path, Origin=other)[1] in {"*", other}:
            raise Exposed(
                f"SillyTavern lets web pages of the origin {other} read its data",
                hint="Run `stackctl deploy` if an older stackctl deployed this stack. Else check "
                "SILLYTAVERN_CORS_ENABLED in compose.override.yml.",
                issue="open-to-web-pages",
            )
    status, _ = site.page.as_other("POST", _CHANGE, Origin=f"https://{_NOBODY}")
    if status not in reachability.REFUSED:
        raise Exposed(
            f"SillyTavern accepts changes from web pages of any origin ({status})",
            hint="Set disableCsrfProtection: false in config.yaml in SillyTavern's config folder, then run "
            "`stackctl restart sillytavern`.",
            issue="open-to-web-pages",
        )
    return "no other name is served, and no page of another origin may read or change anything"


def key(site: Site) -> str:
    """Check that SillyTavern sends the key that its backend wants, and that the backend refuses requests without it."""
    plan, service = site.plan, site.plan.backend_service
    if plan.key is None:
        raise NotApplicable("the backend wants no key")
    if error := wrong_key(site.page, plan):
        raise error
    if service is None:
        return "SillyTavern sends the key"
    network = _attached(site, service.name).networks[0].network
    (tried,) = _from_container(site, network, (plan.backend_url,), COMPLETION)
    answer = tried.answers.get(COMPLETION.path)
    if answer is None:
        raise NotReady(
            f"{service.name} can't be asked: {tried.failure}",
            hint=f"Run `{command_line('stackctl', 'logs', service.name)}` to see why.",
            issue="page-unreachable",
        )
    if answer.status not in reachability.REFUSED:
        raise Exposed(
            f"{plan.backend_title} also answers without its key ({answer.status})",
            hint="Check whether compose.override.yml changes its command. If not, run `stackctl deploy`.",
            issue="backend-open",
        )
    return f"SillyTavern sends the key; without it the backend refuses ({answer.status})"


def isolation(site: Site) -> str:
    """Check that the backend publishes nothing, and is only in the planned networks."""
    service = _own_backend(site)
    found = _attached(site, service.name)
    if error := reachability.backend_exposure(found, service, site.plan):
        raise error
    where = " and ".join(one.network for one in found.networks)
    is_isolated = all(one.is_isolated for one in found.networks)
    out = (
        "no way out"
        if is_isolated
        else "no way out except to what listens on this machine (Docker Engine 28 closes that, too)"
    )
    relay = next((one for one in site.plan.companions if one.name == api_relay.NAME), None)
    api = f"; the API at {relay.publish[0].place} forwards to it" if relay else ""
    return f"publishes nothing; it is only in {where}, which has {out}{api}"


def exposure(site: Site) -> str:
    """Check that only what is planned is reachable from this machine, from SillyTavern and from other containers."""
    site.ways = tuple(_ways(site))
    if wrong := reachability.wrong_routes(site.ways):
        open_ways = [one for one in wrong if one.is_open]
        words = [f"{one.target} from {one.source} ({one.address}: {one.seen})" for one in open_ways or wrong]
        if open_ways:
            hint = "Run `docker ps` to see what is published. Check compose.override.yml, and proxies on this machine."
            raise Exposed(f"reachable, though not planned: {'; '.join(words)}", hint=hint)
        hint = "Run `stackctl status` and `stackctl logs`."
        raise NotReady(f"not reachable, though planned: {'; '.join(words)}", hint=hint, issue="page-unreachable")
    return f"{len(site.ways)} ways tried, all as planned"


def _ways(site: Site) -> Iterator[Route]:
    """Try each way, and give the result."""
    plan, service = site.plan, site.plan.backend_service
    targets = [_target(site, plan.sillytavern, tavern.PORT)]
    if service and _runs(site, service.name):
        targets.append(_target(site, service, backends.find_backend(service.name).PORT))
    targets += [_target(site, one, one.publish[0].target) for one in plan.companions if one.publish]
    if site.machine.docker.is_local:
        for target in targets:
            yield from _from_here(site, target)
    yield _from_sillytavern(site)
    if site.machine.docker.gateway():  # else the engine has no default bridge
        yield from _from_elsewhere("a container on the default bridge", "bridge", site, targets)
    with site.machine.docker.own_network(f"{plan.name}_smoke") as network:
        yield from _from_elsewhere("a container in another network", network, site, targets)


def _from_here(site: Site, target: Target) -> Iterator[Route]:
    """Try from this machine: the places that should be open, and all others."""
    machine = site.machine
    is_everywhere = target.is_page and machine.orchestrator.publishes_everywhere
    planned, others = dict[str, bool](), dict[str, bool]()  # "address:port" -> whether it answers
    for address in target.addresses(machine.host.addresses()):
        for port in target.ports:
            site.left_s()
            at = join(address, port)
            is_ours = machine.host.is_open(address, port) and (
                target.attached.publishes(address, port)
                # if nothing is published, the page is asked inside its container, which has another loopback
                or (target.is_page and bool(target.planned) and site.page.is_at(f"http://{at}"))
            )
            if target.is_planned_at(address, port):
                planned[at] = is_ours
            else:
                others[at] = is_ours and (not is_everywhere or _lets_in(at, site))
    if planned:
        yield reachability.all_open(_HERE, target, planned)
    shut = "no answer, or refused without the password" if is_everywhere else "no answer"
    yield reachability.all_shut(_HERE, target, others, shut=shut)
    if target.is_page or target.planned:
        return
    for one in target.attached.networks:
        if one.is_isolated:
            continue
        is_open = machine.host.is_open(one.address, target.port)
        seen = "answers: Linux lets a host reach its containers" if is_open else "no answer"
        at = join(one.address, target.port)
        yield Route(source=_HERE, target=target.name, address=at, expected="either", is_open=is_open, seen=seen)


def _lets_in(at: str, site: Site) -> bool:
    """Return whether the page lets this machine in without a password, at an address that was not planned."""
    answer = site.machine.host.ask_here(f"http://{at}", (_PAGE,), None).answers.get(_PAGE.path)
    return answer is not None and reachability.lets_in(answer)


def _from_sillytavern(site: Site) -> Route:
    """Try from SillyTavern's container, by the URL in its settings."""
    try:
        seen, is_open = f"answers: {site.model}", True
    except NotReady as error:
        seen, is_open = error.message, False
    url = site.plan.backend_url
    return Route(
        source="SillyTavern", target=site.plan.backend, address=url, expected="open", is_open=is_open, seen=seen
    )


def _from_elsewhere(source: str, network: str, site: Site, targets: Sequence[Target]) -> Iterator[Route]:
    """Try from a container outside the stack, by the containers' addresses and by the host's: nothing may answer."""
    urls = {target.name: target.urls(backend_url.HOST) for target in targets}
    everything = tuple(one for some in urls.values() for one in some)
    requests = (_PAGE, COMPLETION)
    tried = {one.url: one for one in _from_container(site, network, everything, *requests, patience_s=_PATIENCE_S)}
    for target in targets:
        path = _PAGE.path if target.is_page else COMPLETION.path
        yield reachability.combine(source, target, [tried[one] for one in urls[target.name]], path)


def _from_container(
    site: Site, network: str, urls: tuple[str, ...], *requests: Request, patience_s: float = _ANSWER_S
) -> tuple[ProbeResult, ...]:
    site.left_s()
    engine, image = site.machine.docker, site.plan.sillytavern.image
    return engine.ask(image, network, urls, requests, None, patience_s=patience_s)


def _target(site: Site, service: Service, port: int) -> Target:
    return Target(name=service.name, port=port, attached=_attached(site, service.name), planned=service.publish)


def _runs(site: Site, name: str) -> bool:
    state = site.states.get(name)
    return state is not None and state.state == "running"


def _attached(site: Site, name: str) -> ContainerNetworking:
    if not _runs(site, name):
        raise NotApplicable(f"{name} does not run")
    return site.machine.docker.attached(site.states[name].container)


def _own_backend(site: Site) -> Service:
    service = site.plan.backend_service
    if service is None:
        raise NotApplicable("the backend runs elsewhere")
    return service
