"""`stackctl url` and `stackctl open`: the stack's address for other devices, and for this machine."""

from dataclasses import dataclass

from stackctl.commands.status import page_url
from stackctl.contracts.service import Publish
from stackctl.core.tavern import container as tavern
from stackctl.errors import EngineError, NotReady
from stackctl.machine import Machine
from stackctl.steps import tavern_password
from stackctl.steps.deployed import known_plan, stack_name_here
from stackctl.steps.page_addresses import page_places, urls_for_others


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where another device opens the stack or, if none can, this machine; the best address first.

    password_file: "" if it asks for no password. `is_local`: only this machine can open it. `is_ready`: whether
    SillyTavern answers there now; None if no engine could be asked.
    """

    urls: tuple[str, ...]
    user: str
    password_file: str
    is_local: bool = False
    is_ready: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Opened:
    """The page that was opened. `url`: its address on this machine. `is_shown`: whether a browser took it."""

    url: str
    is_shown: bool


def url(machine: Machine) -> Address:
    """Return the addresses that others open the deployed stack at; the one of this machine, and a note, for none."""
    plan = known_plan(machine, machine.ui.warn)
    published = plan.sillytavern.publish if plan else _published_now(machine)
    others = urls_for_others(published, machine)
    if plan and not published:
        others = tuple(f"https://{host}" for host in plan.hosts)
    is_local = not others
    if is_local:
        others = (plan.url if plan else f"http://{published[0].place}",)
        port = published[0].port
        machine.ui.warn(
            "only this machine can open that; for other devices, run `stackctl deploy --expose lan`, which asks "
            f"for a password; or run `ssh -L {port}:127.0.0.1:{port} THIS-HOST` on the other device"
        )
    has_password = machine.folder.read(tavern_password.FILE) is not None
    return Address(
        urls=others,
        user=tavern.USER if has_password else "",
        password_file=tavern_password.FILE if has_password else "",
        is_local=is_local,
        is_ready=_is_ready(machine),
    )


def _is_ready(machine: Machine) -> bool | None:
    """Return whether SillyTavern is ready, None if no engine answers; print a note if it is not."""
    try:
        states = machine.orchestrator.states(stack_name_here(machine))
    except EngineError:
        return None
    page = states.get(tavern.NAME)
    if page and page.is_ready:
        return True
    runs = any(one.state == "running" for one in states.values())
    says = "SillyTavern is not ready" if runs else "nothing of this stack runs"
    machine.ui.warn(f"{says}; `stackctl status` shows more, `stackctl start` starts it")
    return False


def _published_now(machine: Machine) -> tuple[Publish, ...]:
    """Return where the engine publishes SillyTavern now; raise NotReady if it does not run."""
    page = machine.orchestrator.states(stack_name_here(machine)).get(tavern.NAME)
    if places := page_places(page, machine):
        return places
    hint = "Run `stackctl status` to see why."
    raise NotReady(
        "SillyTavern does not run, and what it was deployed with can't be read", hint=hint, issue="services-stopped"
    )


def open_page(machine: Machine, *, is_remote: bool) -> Opened:
    """Show the page in this machine's browser, unless the user is at another machine. Raises NotReady."""
    place = page_url(machine)
    if not place:
        raise NotReady("SillyTavern is not ready", hint="Run `stackctl status` to see why.")
    return Opened(url=place, is_shown=not is_remote and machine.host.browse(place))
