"""The proof: what of SillyTavern's answer is one, and what is told where there is none."""

from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.core.model.demo_model import SENTENCE
from stackctl.core.plan.stack import Plan
from stackctl.errors import NotReady
from stackctl.steps.prove import prove
from tests.commands.engines import container
from tests.commands.machines import Quiet, quiet
from tests.commands.pages import WHOLE, FakePage, page_of
from tests.core.samples import KEY, a_plan, seen, wanted

PLAN = replace(a_plan(), is_demo=True)
OTHERS = {"id": "3f-uuid", "label": "home"}


class Refusing(FakePage):
    """A page whose backend gives no answer."""

    def model(self, kind: str, url: str, *, hint: str) -> str:
        raise NotReady(f"{kind} at {url} does not answer", hint=hint, evidence=("401",))


def running(folder: Path, page: FakePage) -> Quiet:
    """A machine on which SillyTavern runs, with this page."""
    here = quiet(folder)
    here.docker.states_ = {name: container(name, state="running") for name in ("llamacpp", "sillytavern")}
    here.tavern.page = page
    return here


def refused(folder: Path, page: FakePage, plan: Plan = PLAN) -> NotReady:
    with pytest.raises(NotReady) as caught:
        prove(plan, running(folder, page).machine, sleep=lambda _: None)
    return caught.value


def test_the_sentence_through_the_connection_in_sillytaverns_own_settings_is_the_proof(tmp_path: Path) -> None:
    page = page_of(PLAN)
    here = running(tmp_path, page)
    done = prove(PLAN, here.machine, sleep=lambda _: None)
    assert (done.model, done.reply.text, done.tokens_per_s) == (PLAN.model_name, SENTENCE, None)
    assert {asked[1:3] for asked in page.asked[:-1]} == {(PLAN.tavern_type, PLAN.backend_url)}
    assert page.asked[-1] == ("close",)
    assert here.tavern.asked == [f"{PLAN.url} as anybody"]


def test_its_speed_is_the_backends_own_figure(tmp_path: Path) -> None:
    page = page_of(PLAN)
    page.replies = [replace(WHOLE, ending='{"stop":true,"timings":{"predicted_n":48,"predicted_per_second":31.5}}')]
    assert prove(PLAN, running(tmp_path, page).machine).tokens_per_s == 31.5


def test_the_context_is_asked_of_the_server_that_sillytavern_is_set_to(tmp_path: Path) -> None:
    page = page_of(PLAN)
    page.size = 8448
    room = prove(PLAN, running(tmp_path, page).machine).contexts
    assert (room.planned, room.told, room.fills, room.is_own) == (8192, 8448, 8192, True)
    page.backend_url = "http://another:1"
    assert not prove(PLAN, running(tmp_path, page).machine).contexts.is_own


def test_one_that_does_not_tell_its_context_is_proven_all_the_same(tmp_path: Path) -> None:
    class Silent(FakePage):
        def context(self, kind: str, url: str) -> int:
            raise NotReady(f"{kind} at {url} answers 500")

    page = Silent(kind=PLAN.tavern_type, backend_url=PLAN.backend_url, has=PLAN.model_name)
    assert prove(PLAN, running(tmp_path, page).machine).contexts.known == 8192


def test_an_answer_that_breaks_off_is_none(tmp_path: Path) -> None:
    page = page_of(PLAN)
    page.replies = [replace(WHOLE, is_whole=False, pieces=7)]
    assert "broke off in the middle of its stream, after 7 pieces" in refused(tmp_path, page).message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "answered with an empty text"),
        (" \n", "answered with an empty text"),
        (SENTENCE[:-1], "instead of its sentence"),
        ("Hello!", "the demo model answered 'Hello!'"),
    ],
)
def test_nor_is_an_empty_one_or_another_than_the_demo_models_sentence(tmp_path: Path, text: str, says: str) -> None:
    page = page_of(PLAN)
    page.replies = [replace(WHOLE, text=text)]
    assert says in refused(tmp_path, page).message


def test_another_model_may_say_what_it_likes(tmp_path: Path) -> None:
    plan, page = a_plan(), page_of(PLAN)
    page.replies = [replace(WHOLE, text="Hello!")]
    assert prove(plan, running(tmp_path, page).machine).reply.text == "Hello!"


@pytest.mark.parametrize(("kind", "url"), [("", PLAN.backend_url), (PLAN.tavern_type, "")])
def test_settings_without_a_server_prove_nothing(tmp_path: Path, kind: str, url: str) -> None:
    error = refused(tmp_path, FakePage(kind=kind, backend_url=url))
    assert "name no text completion server" in error.message
    where = f"API Connections, Text Completion, {PLAN.tavern_type}, {PLAN.backend_url}"
    assert error.hint == f"Choose in SillyTavern: {where}"


def test_a_server_that_is_not_the_stacks_is_asked_all_the_same_and_the_stacks_own_is_named(tmp_path: Path) -> None:
    page = FakePage(kind="koboldcpp", backend_url="http://192.168.1.9:5001")
    prove(PLAN, running(tmp_path, page).machine)
    _, _, url, hint = page.asked[0]
    assert (url, PLAN.backend_url in hint) == ("http://192.168.1.9:5001", True)
    ours = page_of(PLAN)
    prove(PLAN, running(tmp_path, ours).machine)
    assert ours.asked[0][3] == "Run `stackctl status` and `stackctl logs`."


@pytest.mark.parametrize(
    ("key", "says"), [(None, "sends llama.cpp no key"), (OTHERS, "another key than this stack's (home)")]
)
def test_where_no_answer_comes_and_the_key_is_another_that_is_the_cause(
    tmp_path: Path, key: dict[str, str] | None, says: str
) -> None:
    error = refused(tmp_path, Refusing(kind=PLAN.tavern_type, backend_url=PLAN.backend_url, key=key))
    assert says in error.message
    assert error.evidence[:2] == (f"{PLAN.tavern_type} at {PLAN.backend_url} does not answer", "401")


def test_with_our_key_or_at_another_server_the_cause_stays_what_it_was(tmp_path: Path) -> None:
    for url, key in ((PLAN.backend_url, {"id": "stackctl"}), ("http://192.168.1.9:8080", None)):
        page = Refusing(kind=PLAN.tavern_type, backend_url=url, key=key)
        assert refused(tmp_path, page).message == f"{PLAN.tavern_type} at {url} does not answer"


def test_what_sillytavern_logged_meanwhile_is_shown_without_stack_traces_and_only_its_first_lines(
    tmp_path: Path,
) -> None:
    page = page_of(PLAN)
    page.replies = [replace(WHOLE, text="")]
    here, pauses = running(tmp_path, page), list[float]()
    lines = ("fetch failed", "    at node:internal", "", "x" * 400, "c", "d", "e", "f")
    here.docker.logs = {"sillytavern": lines, "llamacpp": ("not mine",)}
    with pytest.raises(NotReady) as caught:
        prove(PLAN, here.machine, sleep=pauses.append)
    assert caught.value.evidence == ("fetch failed", "x" * 300, "c", "d", "e")
    assert len(pauses) == 2  # the second look found no more


@pytest.mark.parametrize("state", ["exited", "created", "restarting"])
def test_a_sillytavern_that_does_not_run_is_not_asked(tmp_path: Path, state: str) -> None:
    here = running(tmp_path, page_of(PLAN))
    here.docker.states_["sillytavern"] = replace(container("sillytavern", state="running"), state=state)
    with pytest.raises(NotReady, match="SillyTavern does not run"):
        prove(PLAN, here.machine, sleep=lambda _: None)
    here.docker.states_.clear()
    with pytest.raises(NotReady, match="SillyTavern does not run"):
        prove(PLAN, here.machine, sleep=lambda _: None)
    assert here.tavern.asked == []


def test_where_it_publishes_nothing_or_runs_on_another_machine_it_is_asked_inside_its_container(tmp_path: Path) -> None:
    proxy = {"network": "web", "container": "caddy", "hosts": ("chat.example.org",)}
    hidden = a_plan(wanted(sillytavern={"proxy": proxy}), replace(seen(), proxy="172.30.0.2"))
    here = running(tmp_path, page_of(hidden))
    prove(hidden, here.machine)
    here.docker.is_local = False
    prove(PLAN, here.machine)
    assert here.tavern.asked == [f"{plan.url} inside id-sillytavern as anybody" for plan in (hidden, PLAN)]


def test_the_password_is_used_where_there_is_one(tmp_path: Path) -> None:
    here = running(tmp_path, page_of(PLAN))
    prove(replace(PLAN, password=KEY), here.machine)
    assert here.tavern.asked == [f"{PLAN.url} as stackctl"]
