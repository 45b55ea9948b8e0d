"""A deploy from beginning to end, on a machine whose engine is played."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from stackctl.commands.deploy import Options, deploy
from stackctl.commands.diff import diff
from stackctl.commands.history import history
from stackctl.commands.render import render
from stackctl.commands.use import use
from stackctl.contracts.gpu_trial import GpuTrial
from stackctl.core.model import demo_model
from stackctl.core.start.events import Applied, Event, Line
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern.settings_json import connection
from stackctl.effects.docker.events import Watch
from stackctl.effects.storage.folder import Folder
from stackctl.errors import EngineError, GpuError, ModelError, NotReady, Taken
from stackctl.ports.disk import Says
from stackctl.steps.config_request import load_config
from stackctl.steps.models.pull import offered_download, parse_source, pull
from stackctl.steps.open_to_others import may_open
from tests.commands.engines import Stage, Staged, container, quiet_stage, staged
from tests.commands.pages import FakePage, page_of
from tests.core.samples import a_plan
from tests.fakes import FakeImages, FakeTavern, FakeWatch, hub_at
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
    assert [service.image.removesuffix("@sha256:1") for service in done.plan.services] == [backend, page]
    said = here.said.getvalue()
    assert "chat with the demo model meanwhile: http://127.0.0.1:8000" in said
    assert said.count("using stackctl's own image instead") == 2 - len(has)


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
    assert "has to be downloaded" in here.said.getvalue()


def test_a_stack_that_runs_keeps_its_model_until_the_other_is_whole(tmp_path: Path, server: Server) -> None:
    server.add("owner/other", {"Other-Q8_0.gguf": demo_model.gguf_bytes()})
    here = with_hub(staged(tmp_path), server)
    deploy(here.machine, SOURCE, QUICK)
    done = deploy(here.machine, {**SOURCE, "model.source": "hf:owner/other:Q8_0"}, QUICK)
    assert done.plan.model_name == "Other-Q8_0.gguf"
    assert here.stage.models == [demo_model.FILE_NAME, PULLED, "Other-Q8_0.gguf"]


def test_a_model_that_was_pulled_before_is_started_at_once_and_not_said_to_be_downloaded(
    tmp_path: Path, server: Server
) -> None:
    here = with_hub(staged(tmp_path), server)
    pull(here.machine, offered_download(here.machine, parse_source(str(SOURCE["model.source"]))))
    dry = deploy(here.machine, SOURCE, replace(QUICK, dry_run=True))
    assert dry.preview
    assert (dry.preview.model, dry.preview.has_demo) == (None, False)
    assert deploy(here.machine, SOURCE, QUICK).plan.model_name == PULLED
    assert here.stage.models == [PULLED]
    said = here.said.getvalue()
    assert "was pulled before: " in said
    assert not any(one in said for one in ("has to be downloaded", "Fetching the model", "the demo model"))


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
def test_an_automatic_port_that_others_took_meanwhile_moves_and_that_is_said(tmp_path: Path, *, is_down: bool) -> None:
    here = with_images(tmp_path)
    deploy(here.machine, DEMO, QUICK)
    if is_down:
        here.stage.states_.clear()
    else:
        here.stage.states_ = {name: replace(one, state="exited") for name, one in here.stage.states_.items()}
    assert diff(here.machine, {}).text == ""  # it stays as long as it is free
    here.stage.held = {8000: "other"}
    says = "port 8000, on which SillyTavern was, is taken by container other: SillyTavern moves to port 8001"
    assert "127.0.0.1:8001:8000" in diff(here.machine, {}).text
    assert (here.said.getvalue().count(says), recorded_port(tmp_path)) == (1, 8000)
    assert deploy(here.machine, {}, QUICK).plan.url == "http://127.0.0.1:8001"
    assert (here.said.getvalue().count(says), recorded_port(tmp_path)) == (2, 8001)
    here.stage.held, here.stage.soon = {}, {8001: "another"}
    assert deploy(here.machine, {"backend.context": 4096}, QUICK).plan.url == "http://127.0.0.1:8000"


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


# -- what a whole deploy does


def with_page(here: Staged) -> FakePage:
    """A stage whose SillyTavern answers as planned."""
    page = page_of(deploy(here.machine, DEMO, replace(QUICK, dry_run=True)).plan)
    here.machine.tavern = FakeTavern(page=page)
    return page


def test_a_deploy_ends_with_the_proof_and_one_that_is_not_asked_for_asks_nobody(tmp_path: Path) -> None:
    here = with_images(tmp_path)
    page = with_page(here)
    done = deploy(here.machine, DEMO, replace(QUICK, prove=True))
    assert done.proof
    assert done.proof.reply.text == demo_model.SENTENCE
    assert history(here.machine)[0].record.first_token_s == 0.25
    page.asked.clear()
    assert deploy(here.machine, {}, QUICK).proof is None
    assert page.asked == []


@pytest.mark.parametrize(
    ("sizes", "says"),
    [
        ({}, ""),
        ({"size": 0}, ""),
        (
            {"fills": 16_384},
            "SillyTavern fills 16384 tokens, and the backend has only 8192: long chats would fail. Set",
        ),
        (
            {"size": 2048},
            "the backend has a context of 2048 tokens, and not 8192 as planned",
        ),
        (
            {"size": 2048},
            "SillyTavern fills 8192 tokens, and the backend has only 2048: long chats would fail. Set the",
        ),
    ],
)
def test_a_context_that_does_not_fit_the_other_is_said_and_stays(
    tmp_path: Path, sizes: dict[str, int], says: str
) -> None:
    here = with_images(tmp_path)
    page = with_page(here)
    for name, value in sizes.items():
        setattr(page, name, value)
    done = deploy(here.machine, DEMO, replace(QUICK, prove=True))
    assert done.proof
    assert done.proof.contexts.told == page.size
    said = here.said.getvalue()
    assert says in said
    assert ("long chats would fail" in said or "as planned" in said) == bool(says)


def test_a_stack_that_gives_no_proof_is_an_error_though_it_runs(tmp_path: Path) -> None:
    here = with_images(tmp_path)
    page = with_page(here)
    page.replies = [replace(page.replies[0], is_whole=False)]
    with pytest.raises(NotReady, match="broke off"):
        deploy(here.machine, DEMO, replace(QUICK, prove=True))
    assert here.stage.states_["llamacpp"].is_ready


def test_a_dry_run_writes_nothing_and_starts_nothing(tmp_path: Path) -> None:
    here = with_images(tmp_path)
    done = deploy(here.machine, DEMO, replace(QUICK, dry_run=True))
    assert (list(tmp_path.iterdir()), here.stage.models, here.images.done) == ([], [], [])
    assert done.ready_s is None
    page = done.plan.services[1]
    assert deploy(here.machine, DEMO, QUICK).plan.services[1] == replace(page, image=f"{page.image}@sha256:1")
    assert '"127.0.0.1:8000:8000"' in done.text


def test_a_gpu_is_tried_with_the_backends_image_once_that_is_here_and_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "stack.toml").write_text(f'[backend]\nimage = "{BACKEND}"\n[gpu]\nmode = "nvidia"\n')
    here = with_images(tmp_path)
    here.stage.trials["nvidia"] = GpuTrial(refusal="no GPU")
    with pytest.raises(GpuError):
        deploy(here.machine, DEMO, QUICK)
    assert here.stage.asked == [f"GPU by nvidia with {BACKEND}"]
    assert (here.images.done[0], here.stage.models) == (f"pull {BACKEND}", [])
    assert not (tmp_path / "compose.yml").exists()
    here.stage.trials.clear()
    here.stage.ends = {"llamacpp": replace(container("llamacpp", state="running"), gpu_drivers=("nvidia",))}
    deploy(here.machine, {}, QUICK)
    assert len(here.stage.models) == 1


def test_without_a_gpu_none_is_tried(tmp_path: Path) -> None:
    here = with_images(tmp_path)
    deploy(here.machine, DEMO, QUICK)
    assert not [one for one in here.stage.asked if one.startswith("GPU")]


def test_what_a_deploy_writes_is_kept_out_of_git_and_the_first_digests_are_recorded(tmp_path: Path) -> None:
    here = with_images(tmp_path)
    deploy(here.machine, DEMO, QUICK)
    for private in (".stackctl", "backend", "sillytavern"):
        assert (tmp_path / private / ".gitignore").read_text().splitlines()[-1] == "*"
    digests = json.loads((tmp_path / "stack.lock").read_text())["digests"]
    assert digests == {PAGE: "sha256:1"}  # the backend's image is named with its own


def test_sillytavern_gets_its_settings_and_the_backends_key_before_its_first_start(tmp_path: Path) -> None:
    here = with_images(tmp_path)
    done = deploy(here.machine, DEMO, QUICK)
    settings = json.loads((tmp_path / "sillytavern" / tavern.SETTINGS).read_text())
    assert connection(settings) == (done.plan.tavern_type, done.plan.backend_url)
    assert done.plan.key
    secrets = (tmp_path / "sillytavern/data/default-user/secrets.json").read_text()
    assert done.plan.key.reveal() in secrets
    assert (tmp_path / ".stackctl/api-key").read_text().strip() == done.plan.key.reveal()


def test_what_was_decided_is_told_and_decided_again_where_that_is_asked_for(tmp_path: Path) -> None:
    here = with_images(tmp_path)
    deploy(here.machine, DEMO, QUICK)
    assert "llama.cpp with stackctl-demo.gguf, context 8192, KV cache f16, on the CPU" in here.said.getvalue()
    here.stage.states_.clear()
    (tmp_path / ".stackctl/sillytavern-has-run").unlink()
    lock = tmp_path / "stack.lock"
    lock.write_text(lock.read_text().replace('"value": 8000', '"value": 8055'))
    dry = replace(QUICK, dry_run=True)
    assert deploy(here.machine, {}, dry).plan.url == "http://127.0.0.1:8055"
    assert deploy(here.machine, {}, replace(dry, replan=True)).plan.url == "http://127.0.0.1:8000"


class Timed(Watch):
    """A watch that keeps for how long it was to look."""

    left: list[int]

    def events(self, until: float) -> Iterator[Event]:
        self.left.append(round(until - time.monotonic()))
        yield from super().events(until)


class Patient(Stage):
    """An engine that keeps for how long each start was waited for."""

    left: list[int]

    def watch(self, project: str) -> Watch:
        watch = Timed(self, project)
        watch.left = self.left
        return watch


def test_the_time_out_is_the_users_or_that_of_the_models_size(tmp_path: Path) -> None:
    stage = Patient(images=FakeImages(published=dict.fromkeys((BACKEND, PAGE), "sha256:1")))
    stage.left = []
    machine = quiet_stage(tmp_path, stage).machine
    plan = deploy(machine, DEMO, replace(QUICK, timeout_s=77)).plan
    deploy(machine, {}, replace(QUICK, timeout_s=None))
    assert stage.left == [77, plan.timeout_s]


def test_two_deploys_of_one_folder_do_not_run_at_once(tmp_path: Path) -> None:
    here = with_images(tmp_path)
    held = list[bool]()

    class Held(Folder):
        @contextmanager
        def locked(self, says: Says, *, wait_s: float = 0.0, writes: bool = True) -> Iterator[None]:
            del says, wait_s, writes
            held.append(not here.stage.models)
            yield
            held.append(bool(here.stage.models))

    here.machine.folder = Held(tmp_path, here.machine.folder.owner)
    deploy(here.machine, DEMO, QUICK)
    assert held == [True, True]
    deploy(here.machine, {}, replace(QUICK, dry_run=True))
    assert len(held) == 2


class Told(FakeWatch):
    """A watch to which Compose's own words are nothing."""

    def follow(self, process: Any) -> None:
        process.communicate()


@dataclass
class Wordy(Stage):
    """An engine whose backend says what it reserves before it is ready."""

    says_first: str = ""

    def watch(self, project: str) -> Any:
        del project
        return Told((Line(service="llamacpp", text=self.says_first), Applied(0)))


@pytest.mark.parametrize(("mib", "is_said"), [("9000.00", True), ("1.00", False)])
def test_a_backend_that_reserves_far_more_than_planned_is_told(tmp_path: Path, mib: str, *, is_said: bool) -> None:
    stage = Wordy(images=FakeImages(published=dict.fromkeys((BACKEND, PAGE), "sha256:1")))
    stage.says_first = f"llama_kv_cache:        CPU KV buffer size =  {mib} MiB"
    here = quiet_stage(tmp_path, stage)
    deploy(here.machine, DEMO, QUICK)
    assert ("note: the backend reserved other than planned" in here.said.getvalue()) == is_said


def test_the_password_goes_once_the_stack_is_exposed_no_more(tmp_path: Path) -> None:
    here, file = with_images(tmp_path), tmp_path / ".stackctl/sillytavern-password"
    here.host.own_interfaces = {"eth0": ("192.168.1.5/24",)}
    done = deploy(here.machine, {**DEMO, "sillytavern.expose": "lan"}, QUICK)
    assert done.plan.password
    assert file.read_text().strip() == done.plan.password.reveal()
    assert deploy(here.machine, {"sillytavern.expose": "none"}, QUICK).plan.password is None
    assert not file.exists()


def test_an_answer_is_written_down_with_what_was_deployed(tmp_path: Path) -> None:
    here = with_images(tmp_path)
    here.host.own_interfaces = {"eth0": ("192.168.1.5/24",)}
    deploy(here.machine, DEMO, replace(QUICK, opened=False))
    assert not may_open(here.machine, load_config(here.machine, {}))
    deploy(here.machine, {"sillytavern.port": 8100}, QUICK)
    assert not may_open(here.machine, load_config(here.machine, {}))


def test_a_program_of_unknown_hash_is_taken_only_where_that_is_said(tmp_path: Path) -> None:
    url = "https://host/koboldcpp"
    (tmp_path / "stack.toml").write_text(f'[backend]\nkind = "koboldcpp"\nprogram = "{url}"\n')
    koboldcpp = deploy(staged(tmp_path).machine, DEMO, replace(QUICK, dry_run=True)).plan
    here = staged(tmp_path, published=dict.fromkeys((one.image for one in koboldcpp.services), "sha256:1"))
    here.hub.files = {url: b"\x7fELF the program"}
    with pytest.raises(ModelError, match="koboldcpp"):
        deploy(here.machine, DEMO, QUICK)
    assert here.hub.asked == []
    deploy(here.machine, DEMO, replace(QUICK, trust_first_download=True))
    assert here.hub.asked == [url]


class Reading(Stage):
    """An engine that keeps the files that it was started with."""

    texts: list[str]

    def up(self, text: str) -> str:
        self.texts.append(text)
        return super().up(text)


def test_what_is_set_for_a_model_that_has_yet_to_come_does_not_count_for_the_demo_model(
    tmp_path: Path, server: Server
) -> None:
    stage = Reading(images=FakeImages(published=dict.fromkeys((BACKEND, PAGE), "sha256:1")))
    stage.texts = []
    machine = quiet_stage(tmp_path, stage).machine
    machine.hub = hub_at(server.url)
    deploy(machine, {**SOURCE, "backend.context": 2048}, QUICK)
    assert ['"--ctx-size"\n      - "2048"' in text for text in stage.texts] == [False, True]


# -- use

BOTH = '[model]\nuse = "one"\n[models.one]\npath = "one.gguf"\n[models.two]\npath = "two.gguf"\n'


def test_use_starts_the_other_model_writes_that_down_and_says_that_sillytavern_went_on(tmp_path: Path) -> None:
    for name in ("one.gguf", "two.gguf"):
        (tmp_path / name).write_bytes(demo_model.gguf_bytes())
    (tmp_path / "stack.toml").write_text(BOTH)
    here = with_images(tmp_path)
    deploy(here.machine, {}, QUICK)
    assert use(here.machine, "two", QUICK).plan.model_name == "two.gguf"
    assert here.stage.models == ["one.gguf", "two.gguf"]
    assert (tmp_path / "stack.toml").read_text() == BOTH.replace('use = "one"', 'use = "two"')
    assert here.said.getvalue().count("SillyTavern kept running") == 1
    use(here.machine, "two", QUICK)
    assert here.said.getvalue().count("SillyTavern kept running") == 1
