"""A deploy from beginning to end, on a machine whose engine is played."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.commands.deploy import Options, deploy
from stackctl.commands.render import render
from stackctl.commands.use import use
from stackctl.core.model import demo_model
from stackctl.core.tavern import container as tavern
from stackctl.errors import EngineError, Taken
from tests.commands.engines import Staged, container, staged
from tests.core.samples import a_plan
from tests.fakes import hub_at
from tests.hub.server import Hub as Server
from tests.hub.server import running

BACKEND, PAGE = (service.image for service in a_plan().services)
OWN_BACKEND = "localhost/stackctl/llamacpp:debian"
PULLED = "Tiny-Q4_K_M.gguf"
SOURCE = {"model.path": "auto", "model.source": "hf:owner/tiny:Q4_K_M"}
QUICK = Options(prove=False, timeout_s=20)


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as hub:
        hub.add("owner/tiny", {PULLED: demo_model.gguf_bytes()})
        yield hub


def with_hub(here: Staged, server: Server) -> Staged:
    here.machine.hub = hub_at(server.url)
    return here


@pytest.mark.parametrize("replan", [False, True])
@pytest.mark.parametrize(
    ("has", "backend", "page"),
    [
        ((), OWN_BACKEND, tavern.OWN_IMAGE),
        ((BACKEND,), BACKEND, tavern.OWN_IMAGE),
        ((PAGE,), OWN_BACKEND, PAGE),
        ((BACKEND, PAGE), BACKEND, PAGE),
    ],
    ids=["none", "the backend's", "SillyTavern's", "both"],
)
def test_a_model_that_must_be_fetched_runs_at_last_whichever_official_images_can_be_pulled(
    tmp_path: Path, server: Server, has: tuple[str, ...], backend: str, page: str, *, replan: bool
) -> None:
    here = with_hub(staged(tmp_path, published=dict.fromkeys(has, "sha256:1")), server)
    done = deploy(here.machine, SOURCE, Options(prove=False, timeout_s=20, replan=replan))
    assert here.stage.models == [demo_model.FILE_NAME, PULLED]
    assert (done.plan.model_name, done.plan.is_demo) == (PULLED, False)
    assert [service.image for service in done.plan.services] == [backend, page]
    said = here.said.getvalue()
    assert "chat with the demo model meanwhile: http://127.0.0.1:8000" in said
    assert said.count("taking our own image instead") == 2 - len(has)


def interrupted(*_: object, **__: object) -> str:
    raise KeyboardInterrupt


def test_after_an_interrupted_download_the_next_deploy_goes_on_with_the_images_that_it_has(
    tmp_path: Path, server: Server
) -> None:
    here = with_hub(staged(tmp_path), server)
    goes_on = here.machine.hub
    here.machine.hub = replace(hub_at(server.url), fetch=interrupted)
    with pytest.raises(KeyboardInterrupt):
        deploy(here.machine, SOURCE, QUICK)
    built = list(here.images.done)
    here.machine.hub = goes_on
    assert deploy(here.machine, {}, QUICK).plan.model_name == PULLED
    assert here.stage.models == [demo_model.FILE_NAME, PULLED]
    assert here.images.done == built
    assert "is to be fetched" in here.said.getvalue()


def test_a_stack_that_runs_keeps_its_model_until_the_other_is_whole(tmp_path: Path, server: Server) -> None:
    server.add("owner/other", {"Other-Q8_0.gguf": demo_model.gguf_bytes()})
    here = with_hub(staged(tmp_path), server)
    deploy(here.machine, SOURCE, QUICK)
    done = deploy(here.machine, {**SOURCE, "model.source": "hf:owner/other:Q8_0"}, QUICK)
    assert done.plan.model_name == "Other-Q8_0.gguf"
    assert here.stage.models == [demo_model.FILE_NAME, PULLED, "Other-Q8_0.gguf"]


def test_use_fetches_the_model_that_it_names(tmp_path: Path, server: Server) -> None:
    (tmp_path / "one.gguf").write_bytes(demo_model.gguf_bytes())
    (tmp_path / "stack.toml").write_text(
        '[model]\nuse = "one"\n[models.one]\npath = "one.gguf"\n[models.two]\nsource = "hf:owner/tiny:Q4_K_M"\n'
    )
    here = with_hub(staged(tmp_path), server)
    deploy(here.machine, {}, QUICK)
    assert use(here.machine, "two", QUICK).plan.model_name == PULLED
    assert here.stage.models == ["one.gguf", PULLED]


# -- what others take at the same moment

DEMO: dict[str, object] = {"model.path": "demo"}


def recorded_port(folder: Path) -> int:
    value: int = json.loads((folder / "stack.lock").read_text())["decisions"]["sillytavern.port"]["value"]
    return value


def with_images(folder: Path) -> Staged:
    return staged(folder, published=dict.fromkeys((BACKEND, PAGE), "sha256:1"))


def test_a_port_that_others_take_before_the_start_is_chosen_again_while_sillytavern_has_never_run(
    tmp_path: Path,
) -> None:
    here = with_images(tmp_path)
    here.stage.soon = {8000: "first", 8001: "second"}
    done = deploy(here.machine, DEMO, QUICK)
    assert (done.plan.url, recorded_port(tmp_path)) == ("http://127.0.0.1:8002", 8002)
    assert '"127.0.0.1:8002:8000"' in (tmp_path / "compose.yml").read_text()
    assert here.said.getvalue().count("choosing another") == 2
    assert not list(tmp_path.glob("*.kept-*"))
    assert deploy(here.machine, {}, QUICK).plan.url == done.plan.url


def test_one_that_nobody_is_seen_to_hold_is_left_all_the_same(tmp_path: Path) -> None:
    """As in the moment in which the other's container is being started."""
    here = with_images(tmp_path)
    here.stage.soon, here.stage.hidden = {8000: "first"}, {8000}
    assert deploy(here.machine, DEMO, QUICK).plan.url == "http://127.0.0.1:8001"


def test_the_choosing_comes_to_an_end(tmp_path: Path) -> None:
    here = with_images(tmp_path)
    here.stage.soon = dict.fromkeys(range(8000, 8100), "others")
    with pytest.raises(Taken) as caught:
        deploy(here.machine, DEMO, QUICK)
    assert caught.value.exit_code == 4
    assert len(here.stage.soon) > 80


def test_a_port_that_the_user_chose_is_not_chosen_again_and_its_holder_is_named(tmp_path: Path) -> None:
    here = with_images(tmp_path)
    here.stage.soon = {8007: "other"}
    with pytest.raises(EngineError, match="port 8007 is taken by container other") as caught:
        deploy(here.machine, {**DEMO, "sillytavern.port": 8007}, QUICK)
    assert "--port 8000" in caught.value.hint


def test_after_a_start_that_never_came_to_sillytavern_a_plain_deploy_takes_another_port(tmp_path: Path) -> None:
    here = with_images(tmp_path)
    render(here.machine, DEMO, to_stdout=False, absolute=False, replan=False)
    assert recorded_port(tmp_path) == 8000
    for name, state in (("llamacpp", "running"), ("sillytavern", "created")):
        here.stage.states_[name] = container(name, state=state)
    here.stage.held = {8000: "other"}
    assert deploy(here.machine, {}, QUICK).plan.url == "http://127.0.0.1:8001"


def test_so_it_is_where_an_older_stackctl_has_written_the_file(tmp_path: Path) -> None:
    here = with_images(tmp_path)
    deploy(here.machine, DEMO, QUICK)
    lock = json.loads((tmp_path / "stack.lock").read_text())
    lock["rendered"]["by"] = "0.0.1"
    (tmp_path / "stack.lock").write_text(json.dumps(lock))
    (tmp_path / ".stackctl/sillytavern-has-run").unlink()
    here.stage.states_["sillytavern"] = container("sillytavern", state="created")
    here.stage.held = {8000: "other"}
    done = deploy(here.machine, {}, QUICK)
    assert done.plan.url == "http://127.0.0.1:8001"
    assert '"127.0.0.1:8001:8000"' in (tmp_path / "compose.yml").read_text()


@pytest.mark.parametrize("is_down", [False, True], ids=["stopped", "down"])
def test_once_sillytavern_has_run_its_port_stays_and_who_holds_it_is_named(tmp_path: Path, *, is_down: bool) -> None:
    here = with_images(tmp_path)
    deploy(here.machine, DEMO, QUICK)
    if is_down:
        here.stage.containers_.clear()
    started = list(here.stage.models)
    here.stage.held = {8000: "other"}
    with pytest.raises(EngineError, match="port 8000 is taken by container other"):
        deploy(here.machine, {}, QUICK)
    assert here.stage.models == started
    here.stage.held, here.stage.soon = {}, {8000: "other"}
    with pytest.raises(EngineError, match="port 8000 is taken by container other"):
        deploy(here.machine, {"backend.context": 4096}, QUICK)
    assert recorded_port(tmp_path) == 8000


def test_a_subnet_that_others_take_before_the_start_is_chosen_again(tmp_path: Path) -> None:
    here = with_images(tmp_path)
    render(here.machine, DEMO, to_stdout=False, absolute=False, replan=False)
    inner = json.loads((tmp_path / "stack.lock").read_text())["decisions"]["network.inner"]["value"]
    here.stage.soon_subnets = [inner]
    done = deploy(here.machine, {}, QUICK)
    assert done.plan.networks[0].subnet != inner
    assert here.said.getvalue().count("choosing another") == 1


def test_the_holder_of_the_apis_port_is_named(tmp_path: Path) -> None:
    (tmp_path / "stack.toml").write_text('[model]\npath = "demo"\n[backend]\npublish = "127.0.0.1:5001"\n')
    here = with_images(tmp_path)
    here.stage.soon = {5001: "other"}
    with pytest.raises(EngineError, match=r"backend\.publish: port 5001 is taken by container other"):
        deploy(here.machine, {}, QUICK)
    assert here.said.getvalue().count("choosing another") == 0
