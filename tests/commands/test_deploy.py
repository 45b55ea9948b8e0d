"""A deploy from beginning to end, on a machine whose engine is played."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from stackctl.commands.deploy import Options, deploy
from stackctl.commands.use import use
from stackctl.core import demo_model, tavern
from stackctl.effects.hub import Hub
from stackctl.machine import fetch
from tests.commands.engines import Staged, staged
from tests.core.samples import a_plan
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
    here.machine.hub = Hub(endpoint=server.url, sleep=lambda _: None)
    here.machine.fetch = partial(fetch, sleep=lambda _: None)
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
    goes_on, here.machine.fetch = here.machine.fetch, interrupted
    with pytest.raises(KeyboardInterrupt):
        deploy(here.machine, SOURCE, QUICK)
    built = list(here.images.done)
    here.machine.fetch = goes_on
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
