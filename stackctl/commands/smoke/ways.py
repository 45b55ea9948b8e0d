"""Checks of what is reachable from where."""

from stackctl.commands.smoke.site import Site
from stackctl.core.smoke import NotApplicable
from stackctl.core.ways import Attached, backend_exposure
from stackctl.effects.attachment import attached
from stackctl.errors import NotReady


def isolation(site: Site) -> str:
    """The backend publishes what is planned, mostly nothing, and is in the planned networks alone."""
    service = site.plan.backend_service
    if service is None:
        raise NotApplicable("the backend runs elsewhere")
    found = _attached(site, service.name)
    if error := backend_exposure(found, service, site.plan):
        raise error
    where = " and ".join(one.network for one in found.networks)
    published = ", ".join(f"{one.address}:{one.port}" for one in found.published) or "nothing"
    return f"publishes {published}; in {where} alone, which has no way out"


def _attached(site: Site, name: str) -> Attached:
    state = site.states.get(name)
    if state is None or state.state != "running":
        raise NotReady(f"{name} does not run", hint="stackctl status; stackctl start")
    return attached(site.machine.engine, state.container)
