"""Checks of what is reachable from where."""

from collections.abc import Iterator, Sequence

from stackctl import backends
from stackctl.backends.contract import COMPLETION, Request
from stackctl.commands.prove import wrong_key
from stackctl.commands.smoke.site import Site
from stackctl.core import place, tavern, ways
from stackctl.core.seen import Tried
from stackctl.core.smoke import NotApplicable
from stackctl.core.stack import Service
from stackctl.core.ways import Attached, Target, Way, join
from stackctl.effects import inquiry
from stackctl.effects.attachment import attached
from stackctl.errors import Exposed, NotReady

_PATIENCE_S = 2.0  # for a connection that Docker's firewall lets fall silently
_ANSWER_S = 10.0  # where an answer is sure to come
_HERE = "this host"
_PAGE = Request(path="/csrf-token")  # small, and refused like every other path


def whitelist(site: Site) -> str:
    """This machine is let in, and containers in SillyTavern's own networks, from where it can be reached, are not."""
    found = _attached(site, tavern.NAME)
    for one in found.networks:
        (tried,) = _from_container(site, one.network, (f"http://{one.address}:{tavern.PORT}",), _PAGE)
        answer = tried.answers.get(_PAGE.path)
        if answer is None:
            raise NotReady(
                f"SillyTavern can't be asked from its own network {one.network}: {tried.failure}",
                hint="stackctl logs sillytavern",
            )
        if ways.lets_in(answer):
            raise Exposed(
                f"SillyTavern lets every container of its network {one.network} in",
                hint="is SILLYTAVERN_WHITELIST or WHITELISTMODE changed in compose.override.yml, or whitelist in "
                "config.yaml in its config folder?",
            )
    return f"this machine is let in; other containers in {' and '.join(n.network for n in found.networks)} are not"


def key(site: Site) -> str:
    """SillyTavern sends the key that its backend wants, and whoever has none gets nothing out of it."""
    plan, service = site.plan, site.plan.backend_service
    if plan.key is None:
        raise NotApplicable("the backend wants no key")
    if error := wrong_key(site.page, plan):
        raise error
    if service is None:
        return "SillyTavern sends it"
    network = _attached(site, service.name).networks[0].network
    (tried,) = _from_container(site, network, (plan.backend_url,), COMPLETION)
    answer = tried.answers.get(COMPLETION.path)
    if answer is None:
        raise NotReady(f"{service.name} can't be asked: {tried.failure}", hint=f"stackctl logs {service.name}")
    if answer.status not in ways.REFUSED:
        raise Exposed(
            f"{plan.backend_title} answers without its key, too ({answer.status})",
            hint="does compose.override.yml change its command? else: stackctl deploy",
        )
    return f"SillyTavern sends it; without it the backend refuses ({answer.status})"


def isolation(site: Site) -> str:
    """The backend publishes what is planned, mostly nothing, and is in the planned networks alone."""
    service = _own_backend(site)
    found = _attached(site, service.name)
    if error := ways.backend_exposure(found, service, site.plan):
        raise error
    where = " and ".join(one.network for one in found.networks)
    published = ", ".join(f"{one.address}:{one.port}" for one in found.published) or "nothing"
    return f"publishes {published}; in {where} alone, which has no way out"


def exposure(site: Site) -> str:
    """From this machine's addresses, from SillyTavern and from foreign containers only what is planned is reachable."""
    site.ways = tuple(_ways(site))
    if wrong := ways.wrong(site.ways):
        open_ways = [one for one in wrong if one.is_open]
        words = [f"{one.target} from {one.source} ({one.address}: {one.seen})" for one in open_ways or wrong]
        if open_ways:
            hint = (
                "docker ps shows what is published; does compose.override.yml publish more, or a proxy on this machine?"
            )
            raise Exposed(f"reachable, though not planned: {'; '.join(words)}", hint=hint)
        raise NotReady(f"not reachable, though planned: {'; '.join(words)}", hint="stackctl status; stackctl logs")
    return f"{len(site.ways)} ways tried, all as planned"


def _ways(site: Site) -> Iterator[Way]:
    """Each way, tried now."""
    plan, service = site.plan, site.plan.backend_service
    targets = [_target(site, plan.sillytavern, tavern.PORT)]
    if service and _runs(site, service.name):
        targets.append(_target(site, service, backends.named(service.name).PORT))
    if site.machine.engine.is_local:
        for target in targets:
            yield from _from_here(site, target)
    yield _from_sillytavern(site)
    yield from _from_elsewhere("a container on the default bridge", "bridge", site, targets)
    with inquiry.own_network(site.machine.engine, f"{plan.name}_smoke") as network:
        yield from _from_elsewhere("a container in another network", network, site, targets)


def _from_here(site: Site, target: Target) -> Iterator[Way]:
    """From this machine: the planned addresses one by one, all others together."""
    machine, opened, tried = site.machine, [], 0
    for address in ("127.0.0.1", "::1", *machine.addresses()):
        for port in target.ports:
            site.left_s()
            at = join(address, port)
            is_open = machine.is_open(address, port) and (
                target.attached.publishes(address, port)
                # where nothing is published, the page is asked inside its container, whose loopback is another
                or (target.is_page and bool(target.planned) and site.page.is_at(f"http://{at}"))
            )
            if target.is_planned_at(address, port):
                seen = "answers" if is_open else "no answer"
                yield Way(source=_HERE, target=target.name, address=at, expected="open", is_open=is_open, seen=seen)
            elif is_open:
                opened.append(at)
            else:
                tried += 1
    where = ", ".join(opened) or f"{tried} others"
    seen = "answers" if opened else "no answer"
    yield Way(source=_HERE, target=target.name, address=where, expected="shut", is_open=bool(opened), seen=seen)
    if not target.is_page:
        for one in target.attached.networks:
            is_open = machine.is_open(one.address, target.port)
            seen = "answers: Linux lets a host reach its containers" if is_open else "no answer"
            at = join(one.address, target.port)
            yield Way(source=_HERE, target=target.name, address=at, expected="either", is_open=is_open, seen=seen)


def _from_sillytavern(site: Site) -> Way:
    """From SillyTavern's container, by the name that its settings have."""
    try:
        seen, is_open = f"answers: {site.model}", True
    except NotReady as error:
        seen, is_open = error.message, False
    url = site.plan.backend_url
    return Way(source="SillyTavern", target=site.plan.backend, address=url, expected="open", is_open=is_open, seen=seen)


def _from_elsewhere(source: str, network: str, site: Site, targets: Sequence[Target]) -> Iterator[Way]:
    """From a container that is none of the stack's: nothing, by the containers' addresses or by the host's."""
    urls = {target.name: target.urls(place.HOST) for target in targets}
    everything = tuple(one for some in urls.values() for one in some)
    tried = {one.url: one for one in _from_container(site, network, everything, _PAGE, _PATIENCE_S)}
    for target in targets:
        yield ways.together(source, target, [tried[one] for one in urls[target.name]], _PAGE.path)


def _from_container(
    site: Site, network: str, urls: tuple[str, ...], request: Request, patience_s: float = _ANSWER_S
) -> tuple[Tried, ...]:
    site.left_s()
    engine, image = site.machine.engine, site.plan.sillytavern.image
    return inquiry.ask(engine, image, network, urls, (request,), None, patience_s=patience_s)


def _target(site: Site, service: Service, port: int) -> Target:
    return Target(name=service.name, port=port, attached=_attached(site, service.name), planned=service.publish)


def _runs(site: Site, name: str) -> bool:
    state = site.states.get(name)
    return state is not None and state.state == "running"


def _attached(site: Site, name: str) -> Attached:
    if not _runs(site, name):
        raise NotApplicable(f"{name} does not run")
    return attached(site.machine.engine, site.states[name].container)


def _own_backend(site: Site) -> Service:
    service = site.plan.backend_service
    if service is None:
        raise NotApplicable("the backend runs elsewhere")
    return service
