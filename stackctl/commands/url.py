"""`stackctl url` and `stackctl open`: where a person finds the stack, from another device and from here."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address

from stackctl.commands.status import page_places, status
from stackctl.contracts.service import Publish
from stackctl.core.plan.exposure import is_for_others
from stackctl.core.tavern import container as tavern
from stackctl.errors import EngineError, NotReady
from stackctl.machine import Machine
from stackctl.steps import tavern_password
from stackctl.steps.deployed import known_plan, stack_name_here


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where another device opens the stack, or, if none can, this machine: the best place first.

    password_file: "" where it asks for none. `is_ready`: whether SillyTavern answers there now; None: no engine could
    be asked.
    """

    urls: tuple[str, ...]
    user: str
    password_file: str
    is_ready: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What was done for the page at `url`, which is this machine's own. `is_shown`: a browser took it."""

    url: str
    is_shown: bool


def url(machine: Machine) -> Address:
    """Return the addresses that others open the deployed stack at; the one of this machine, and a note, for none."""
    plan = known_plan(machine, machine.ui.note)
    published = plan.sillytavern.publish if plan else _published_now(machine)
    others = [f"http://{one.place}" for one in _for_others(published, machine)]
    if plan and not published:
        others = [f"https://{host}" for host in plan.hosts]
    if not others:
        others = [plan.url if plan else f"http://{published[0].place}"]
        port = published[0].port
        machine.ui.note(
            "note: only this machine can open that; for other devices, run `stackctl deploy --expose lan`, which asks "
            f"for a password; or run `ssh -L {port}:127.0.0.1:{port} THIS-HOST` on the other device"
        )
    others.sort(key=lambda place: place.startswith("http://["))  # IPv4 first: people can type it
    has_password = machine.folder.read(tavern_password.FILE) is not None
    return Address(
        urls=tuple(others),
        user=tavern.USER if has_password else "",
        password_file=tavern_password.FILE if has_password else "",
        is_ready=_is_ready(machine),
    )


def _for_others(published: tuple[Publish, ...], machine: Machine) -> Iterator[Publish]:
    """The places that another device can open; a port that is open on all addresses is given with each of them."""
    interfaces, bridges = machine.host.interfaces(), machine.host.bridges()
    for one in published:
        ip, here = ip_address(one.address), map(ip_address, machine.host.addresses())
        meant = [own for own in here if own.version == ip.version] if ip.is_unspecified else [ip]
        found = (str(own) for own in meant if is_for_others(str(own), interfaces, bridges))
        yield from (replace(one, address=address) for address in found)


def _is_ready(machine: Machine) -> bool | None:
    """Whether SillyTavern is ready; say it where it is not."""
    try:
        states = machine.orchestrator.states(stack_name_here(machine))
    except EngineError:
        return None
    page = states.get(tavern.NAME)
    if page and page.is_ready:
        return True
    runs = any(one.state == "running" for one in states.values())
    says = "SillyTavern is not ready" if runs else "nothing of this stack runs"
    machine.ui.note(f"note: {says}; stackctl status shows more, stackctl start starts it")
    return False


def _published_now(machine: Machine) -> tuple[Publish, ...]:
    """Where the engine publishes SillyTavern now; raise NotReady where it does not run."""
    page = machine.orchestrator.states(stack_name_here(machine)).get(tavern.NAME)
    if places := page_places(page, machine):
        return places
    raise NotReady("SillyTavern does not run, and what it was deployed with can't be read", hint="stackctl status")


def open_page(machine: Machine, *, is_remote: bool) -> Opened:
    """Show the page in this machine's browser, but not to somebody who sits elsewhere; it must be ready."""
    now = status(machine)
    if not now.url:
        raise NotReady("SillyTavern is not ready", hint="stackctl status; stackctl start")
    return Opened(url=now.url, is_shown=not is_remote and machine.host.browse(now.url))
