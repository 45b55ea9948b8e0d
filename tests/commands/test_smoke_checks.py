"""Smoke on a whole played stack: all passes on one that is as planned, and each thing that is wrong fails its check."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from stackctl.commands.deploy import Options as DeployOptions
from stackctl.commands.deploy import deploy
from stackctl.commands.smoke import reachability, services, talk
from stackctl.commands.smoke.run import Options, smoke
from stackctl.commands.smoke.site import Site
from stackctl.contracts.answer import Answer
from stackctl.contracts.request import COMPLETION, Request
from stackctl.contracts.service import Publish
from stackctl.core.observed import ProbeResult, ServiceState
from stackctl.core.plan.stack import Plan
from stackctl.core.smoke.checks import CHECKS
from stackctl.core.smoke.reachability import Attachment, ContainerNetworking
from stackctl.core.smoke.result import NotApplicable, Outcome, Smoked
from stackctl.errors import ConfigError, DoesNotFit, Exposed, NotReady, StackctlError
from stackctl.secret import Secret
from tests.commands.engines import Stage, container, quiet_stage
from tests.commands.machines import Quiet
from tests.commands.pages import INDEX, WHOLE, FakePage, page_of
from tests.commands.test_lifecycle import Locked
from tests.core.samples import a_plan
from tests.fakes import FakeImages

IMAGES = dict.fromkeys((service.image for service in a_plan().services), "sha256:1")
CSRF, LAN = "/csrf-token", "192.168.1.5"
PAGE_AT, HOST_AT = "http://10.64.1.2:8000", "http://host.docker.internal:8000"
PLACE = Publish(address="127.0.0.1", port=8000, target=8000)
ALL = Publish(address="0.0.0.0", port=8000, target=8000)  # noqa: S104 - what must be found
BACKEND_OUT = Publish(address="0.0.0.0", port=5001, target=8080)  # noqa: S104 - likewise
EDGE = Attachment(network="mine_edge", address="10.64.1.2", is_internal=False)
INNER = Attachment(network="mine_inner", address="10.64.0.3", is_internal=True, is_isolated=True)
NO_ORIGIN = "https://stackctl-smoke.invalid"


def answered(path: str, status: int) -> ProbeResult:
    return ProbeResult(url="", answers={path: Answer(status=status, body="")})


@dataclass
class Around(Stage):
    """An engine in whose networks containers ask. `reached`: (network, URL) -> what comes; nothing from elsewhere."""

    reached: dict[tuple[str, str], ProbeResult] = field(default_factory=dict)
    has_bridge: bool = True

    def gateway(self) -> str:
        return super().gateway() if self.has_bridge else ""

    def ask(
        self,
        image: str,
        network: str,
        urls: tuple[str, ...],
        requests: tuple[Request, ...],
        key: Secret | None,
        *,
        patience_s: float = 10.0,
    ) -> tuple[ProbeResult, ...]:
        super().ask(image, network, urls, requests, key, patience_s=patience_s)
        assert key is None  # whoever asks here has none
        silent = ProbeResult(url="", failure="timeout")
        return tuple(replace(self.reached.get((network, url), silent), url=url) for url in urls)


@dataclass
class World:
    """A deployed stack, and what can be wrong with it."""

    here: Quiet
    around: Around
    page: FakePage
    plan: Plan

    def attach(self, name: str, **changes: object) -> None:
        at = f"id-{name}"
        self.around.attachments[at] = replace(self.around.attachments[at], **changes)  # type: ignore[arg-type]  # any

    def state(self, name: str, **changes: object) -> None:
        self.around.states_[name] = replace(self.around.states_[name], **changes)  # type: ignore[arg-type]  # any

    def smoke(self, *only: str, restart: bool = False) -> Smoked:
        return smoke(self.here.machine, Options(only=only, restart=restart))

    def site(self) -> Site:
        return site_of(self.plan, self.here, self.page)


def site_of(plan: Plan, here: Quiet, page: FakePage) -> Site:
    """The stack as checks meet it, with time enough."""
    return Site(plan, here.machine, until=time.monotonic() + 600, session=lambda *_: page)


@pytest.fixture
def world(tmp_path: Path) -> World:
    around = Around(images=FakeImages(published=dict(IMAGES)))
    here = quiet_stage(tmp_path, around)
    quick = DeployOptions(prove=False, timeout_s=20)
    plan = deploy(here.machine, {"model.path": "demo", "name": "mine"}, quick).plan
    around.attachments = {
        "id-sillytavern": ContainerNetworking(networks=(INNER, EDGE), published=(PLACE,)),
        "id-llamacpp": ContainerNetworking(networks=(replace(INNER, address="10.64.0.2"),)),
    }
    for one in (INNER, EDGE):
        around.reached[one.network, f"http://{one.address}:8000"] = answered(CSRF, 403)
    around.reached[INNER.network, plan.backend_url] = answered(COMPLETION.path, 401)
    here.host.own_addresses, here.host.open_ = (LAN,), frozenset({("127.0.0.1", 8000)})
    page = page_of(plan)
    here.tavern.page = page
    return World(here=here, around=around, page=page, plan=plan)


def outcome(smoked: Smoked, name: str) -> Outcome:
    return next(one for one in smoked.outcomes if one.name == name)


def test_a_stack_that_is_as_planned_passes_every_check_but_the_restart_which_is_not_asked_for(world: World) -> None:
    smoked = world.smoke()
    assert [(one.name, one.status) for one in smoked.outcomes] == [
        (check.name, "not run" if check.name == "restart" else "passed") for check in CHECKS
    ]
    assert outcome(smoked, "restart").says == "it would interrupt running chats; `--restart` runs it"
    assert (smoked.exit_code, smoked.name, smoked.url) == (0, "mine", "http://127.0.0.1:8000")
    assert smoked.measures["first_token_s"] == 0.25
    assert world.around.stopped == []
    assert len(world.around.models) == 1
    assert world.page.asked[-1] == ("close",)


@pytest.mark.parametrize("only", [(), ("restart",)])
def test_the_restart_is_of_the_backend_alone_and_asks_again(world: World, only: tuple[str, ...]) -> None:
    smoked = world.smoke(*only, restart=not only)
    assert outcome(smoked, "restart").status == "passed"
    assert len(world.around.models) == 2


@dataclass
class Both(Around):
    """An engine that starts SillyTavern anew, too, whatever is restarted."""

    def up(self, text: str) -> str:
        said = super().up(text)
        self.states_["sillytavern"] = replace(self.states_["sillytavern"], started_at=2.0)
        return said


def test_a_sillytavern_that_is_restarted_with_its_backend_is_told(world: World) -> None:
    both = Both(states_=dict(world.around.states_))
    here = quiet_stage(world.here.machine.path, both)
    with pytest.raises(NotReady, match="SillyTavern was restarted with its backend"):
        services.restart(site_of(world.plan, here, world.page))


def test_an_answer_after_the_restart_must_be_whole_and_the_sentence(world: World) -> None:
    for bad, says in (
        (replace(WHOLE, is_whole=False), "broke off"),
        (replace(WHOLE, text="x"), "instead of its sentence"),
    ):
        world.page.replies = [bad]
        with pytest.raises(NotReady, match=says):
            services.restart(world.site())


Breaks = Callable[[World], None]
OUR_NAME = f"{NO_ORIGIN.partition('://')[2]}"


def _served(path: str, status: int = 200, kind: str = "text/javascript", text: str = "x") -> Breaks:
    return lambda world: world.page.served.__setitem__(path, (status, kind, text))


def _reaches(network: str, url: str, path: str, status: int = 200) -> Breaks:
    return lambda world: world.around.reached.__setitem__((network, url), answered(path, status))


def _opens(*places: tuple[str, int]) -> Breaks:
    def breaks(world: World) -> None:
        world.here.host.open_ |= {*places}
        world.attach("sillytavern", published=(ALL,))

    return breaks


def _publishes(world: World) -> None:
    world.attach("llamacpp", published=(BACKEND_OUT,))


def _publishes_and_listens(world: World) -> None:
    _publishes(world)
    world.here.host.open_ |= {("127.0.0.1", 5001)}


def _answers_page(method: str, path: str, value: str, status: int, allowed: str = "") -> Breaks:
    return lambda world: world.page.others.__setitem__((method, path, value), (status, allowed))


WRONG: dict[str, tuple[str, type[StackctlError], str, Breaks]] = {
    "a container is gone": (
        "services",
        NotReady,
        "llamacpp has no container",
        lambda world: world.around.states_.__delitem__("llamacpp"),
    ),
    "one does not run": (
        "services",
        NotReady,
        r"llamacpp does not run \(exited, exit code 3\)",
        lambda world: world.state("llamacpp", state="exited", health="", exit_code=3),
    ),
    "one still starts": (
        "services",
        NotReady,
        "llamacpp is still starting",
        lambda world: world.state("llamacpp", health="starting"),
    ),
    "one is not well": (
        "services",
        NotReady,
        "llamacpp: runs, but never answered its health check",
        lambda world: world.state("llamacpp", health="unhealthy"),
    ),
    "one was killed for memory": (
        "services",
        DoesNotFit,
        "killed because it used more memory",
        lambda world: world.state("llamacpp", state="exited", health="", oom_killed=True),
    ),
    "another page": ("page", NotReady, "is not SillyTavern's page", _served("/", text="<html>nginx</html>")),
    "the page is an error": (
        "page",
        NotReady,
        r"is not SillyTavern's page \(500\)",
        _served("/", status=500, text=INDEX),
    ),
    "a script is gone": ("page", NotReady, "1 of the page's files are not served", _served("/lib/x.js", status=404)),
    "a script is a page": ("page", NotReady, "1 of the page's files", _served("/script.js", kind="text/html")),
    "a style is empty": ("page", NotReady, "1 of the page's files", _served("/style.css", kind="text/css", text=" ")),
    "a container is let in": (
        "whitelist",
        Exposed,
        "lets every container of its network mine_edge in",
        _reaches("mine_edge", PAGE_AT, CSRF),
    ),
    "nobody can ask": (
        "whitelist",
        NotReady,
        r"can't be asked from its own network mine_edge: timeout",
        lambda world: world.around.reached.__delitem__(("mine_edge", PAGE_AT)),
    ),
    "any name is served": (
        "origin",
        Exposed,
        r"answers to any host name \(200\)",
        _answers_page("GET", CSRF, OUR_NAME, 200),
    ),
    "another origin may read": (
        "origin",
        Exposed,
        f"lets web pages of the origin {NO_ORIGIN} read",
        _answers_page("GET", CSRF, NO_ORIGIN, 403, NO_ORIGIN),
    ),
    "any origin may read": ("origin", Exposed, "origin null read", _answers_page("GET", CSRF, "null", 403, "*")),
    "any origin may change": (
        "origin",
        Exposed,
        r"accepts changes from web pages of any origin \(204\)",
        _answers_page("POST", "/api/ping", NO_ORIGIN, 204),
    ),
    "another key is sent": (
        "key",
        NotReady,
        "sends llama.cpp another key than this stack's",
        lambda world: world.page.key.update(id="x") if world.page.key else None,
    ),
    "no key is asked for": (
        "key",
        Exposed,
        r"llama.cpp also answers without its key \(200\)",
        _reaches("mine_inner", "http://llamacpp:8080", COMPLETION.path),
    ),
    "nobody can ask the backend": (
        "key",
        NotReady,
        "llamacpp can't be asked: timeout",
        lambda world: world.around.reached.__delitem__(("mine_inner", "http://llamacpp:8080")),
    ),
    "the backend publishes a port": ("isolation", Exposed, r"llamacpp is published at 0\.0\.0\.0:5001", _publishes),
    "the backend has a way out": (
        "isolation",
        Exposed,
        "llamacpp is in the network mine_edge, too",
        lambda world: world.attach("llamacpp", networks=(INNER, EDGE)),
    ),
    "the page is open on the LAN": (
        "exposure",
        Exposed,
        rf"sillytavern from this host \({LAN}:8000",
        _opens((LAN, 8000)),
    ),
    "the backend is open on this host": (
        "exposure",
        Exposed,
        r"llamacpp from this host \(127\.0\.0\.1:5001: answers",
        _publishes_and_listens,
    ),
    "a foreign container gets the page": (
        "exposure",
        Exposed,
        "sillytavern from a container on the default bridge",
        _reaches("bridge", HOST_AT, CSRF),
    ),
    "one in another network does": (
        "exposure",
        Exposed,
        "sillytavern from a container in another network",
        _reaches("mine_smoke", PAGE_AT, CSRF),
    ),
    "the page is not open where it should be": (
        "exposure",
        NotReady,
        "not reachable, though planned: sillytavern from this host",
        lambda world: setattr(world.here.host, "open_", frozenset()),
    ),
    "damaged characters": (
        "encoding",
        NotReady,
        "damaged characters",
        lambda world: setattr(world.page, "replies", [replace(WHOLE, text="caf\ufffd")]),
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_each_thing_that_is_wrong_fails_its_check_and_no_other_of_its_own(world: World, what: str) -> None:
    name, error, says, breaks = WRONG[what]
    breaks(world)
    smoked = world.smoke(name)
    (found,) = smoked.outcomes
    assert found.status == "failed", found.says
    assert isinstance(found.error, error)
    with pytest.raises(error, match=says):
        raise found.error
    assert found.error.hint
    assert smoked.exit_code == error.exit_code


def test_two_services_that_are_not_well_are_told_in_one_line(world: World) -> None:
    world.around.states_.clear()
    found = world.smoke("services").outcomes[0]
    assert found.says == "llamacpp has no container; sillytavern has no container"


@pytest.mark.parametrize(
    ("check", "breaks", "says"),
    [
        (
            talk.wiring,
            {"backend_url": "http://other:1"},
            "settings name llamacpp at http://other:1, and not",
        ),
        (talk.wiring, {"kind": ""}, "settings name no text completion server"),
        (talk.wiring, {"kind": "koboldcpp"}, "settings name koboldcpp at http://llamacpp:8080"),
        (talk.model, {"has": "b.gguf"}, "the backend runs b.gguf"),
        (talk.context, {"size": 8192 + 256}, "a context of 8448 tokens, and not 8192 as planned"),
        (talk.context, {"size": 8191}, "a context of 8191 tokens"),
        (talk.context, {"fills": 8193}, "SillyTavern fills 8193 tokens, and the backend has only 8192"),
        (talk.context, {"fills": 8193, "size": 0}, "SillyTavern fills 8193 tokens, and the backend has only 8192"),
        (talk.reply, {"text": ""}, "answered with an empty text"),
        (talk.reply, {"text": "Hello!"}, "instead of its sentence"),
        (talk.streaming, {"replies": [replace(WHOLE, is_whole=False)]}, "broke off"),
    ],
)
def test_what_is_wrong_in_sillytaverns_talk_with_its_backend_is_told(
    world: World, check: Callable[[Site], str], breaks: dict[str, object], says: str
) -> None:
    assert check(world.site())
    for name, value in breaks.items():
        setattr(world.page, name, value)
    with pytest.raises(StackctlError) as caught:
        check(world.site())
    assert says in caught.value.message


def test_a_context_that_is_padded_or_not_told_is_right(world: World) -> None:
    world.page.size = 8192 + 255
    assert talk.context(world.site()) == "8447 tokens, of which SillyTavern fills at most 8192"
    world.page.size = 0
    assert "does not report its context" in talk.context(world.site())


# -- the run


def test_what_needs_a_check_that_failed_is_not_run_and_the_first_failure_is_named(world: World) -> None:
    world.page.served["/"] = (500, "", "")
    smoked = world.smoke()
    by_name = {one.name: one for one in smoked.outcomes}
    assert by_name["page"].status == "failed"
    for name in ("whitelist", "origin", "key", "wiring", "reply", "exposure"):
        assert (by_name[name].status, by_name[name].blocked_by) == ("not run", "page")
        assert by_name[name].says == "because page failed"
    assert (by_name["services"].status, by_name["isolation"].status) == ("passed", "passed")
    assert smoked.exit_code == 7


def test_what_does_not_apply_is_not_run_and_no_failure(world: World) -> None:
    world.state("llamacpp", state="exited")
    found = world.smoke("isolation").outcomes[0]
    assert (found.status, found.says) == ("not run", "llamacpp does not run")
    elsewhere = replace(world.plan, services=(world.plan.sillytavern,), key=None, model_name="")
    for check in (services.restart, talk.model):
        with pytest.raises(NotApplicable):
            check(site_of(elsewhere, world.here, world.page))


def test_all_has_to_be_over_within_the_time(world: World) -> None:
    site = Site(world.plan, world.here.machine, until=0.0)
    with pytest.raises(NotReady, match="the time for all checks is over"):
        site.left_s()


def test_anothers_stack_and_an_unknown_check_are_refused(world: World) -> None:
    with pytest.raises(ConfigError, match="there is no check x"):
        world.smoke("x")
    world.around.foreign = frozenset({"mine"})
    with pytest.raises(ConfigError, match="mine is another's"):
        world.smoke()


def test_of_a_stack_that_failed_its_files_and_logs_are_kept_without_the_key(world: World, tmp_path: Path) -> None:
    assert world.plan.key
    key, target = world.plan.key.reveal(), tmp_path / "kept"
    world.around.logs = {"llamacpp": ("before", f"--api-key {key}")}
    options = Options(only=("services",), artefacts=target)
    smoke(world.here.machine, options)
    assert not target.exists()
    world.state("llamacpp", health="starting")
    smoke(world.here.machine, options)
    assert {file.name for file in target.iterdir()} == {
        "compose.yml", "stack.toml", "stack.lock", "llamacpp.log", "sillytavern.log",
    }  # fmt: skip
    assert (target / "llamacpp.log").read_text() == "before\n--api-key ***\n"


def test_a_state_is_looked_at_each_time(world: World) -> None:
    site = world.site()
    assert site.states["llamacpp"].is_ready
    gone: ServiceState = container("llamacpp", state="created")
    world.around.states_["llamacpp"] = gone
    assert site.states["llamacpp"] == gone


def test_the_restart_holds_the_folder(world: World) -> None:
    folder = Locked(world.here.machine.path, world.here.machine.folder.owner)
    folder.asked = []
    world.here.machine.folder = folder
    services.restart(world.site())
    assert folder.asked == [("lock",), ("unlock",)]


@pytest.mark.parametrize(("status", "is_exposed"), [(401, False), (403, False), (200, True)])
def test_a_port_that_can_only_be_open_on_all_addresses_must_refuse_where_it_was_not_planned(
    world: World, status: int, is_exposed: bool
) -> None:
    """As Swarm opens it in host mode."""
    world.here.orchestrator.publishes_everywhere = True
    _opens((LAN, 8000))(world)
    world.here.host.answer = lambda _: answered(CSRF, status)
    if is_exposed:
        with pytest.raises(Exposed, match=rf"sillytavern from this host \({LAN}:8000: answers"):
            reachability.exposure(world.site())
        return
    site = world.site()
    reachability.exposure(site)
    assert "refused without the password" in {one.seen.removeprefix("no answer, or ") for one in site.ways}
    assert f"http://{LAN}:8000" in world.here.host.asked


def test_an_engine_without_a_default_bridge_is_not_asked_from_there(world: World) -> None:
    world.around.has_bridge = False
    site = world.site()
    reachability.exposure(site)
    assert "a container on the default bridge" not in {one.source for one in site.ways}
