"""A deploy that fails where a stack works: that runs again, with its files as they were. The engine is played."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from stackctl.commands import lifecycle
from stackctl.commands.adopt import adopt, prepare
from stackctl.commands.deploy import Options, deploy
from stackctl.commands.status import status
from stackctl.commands.use import use
from stackctl.contracts.gpu_trial import GpuTrial
from stackctl.contracts.host import Owner
from stackctl.core.config import journal as journals
from stackctl.core.model.demo_model import gguf_bytes
from stackctl.core.observed import ServiceState
from stackctl.core.tavern import container as tavern
from stackctl.effects import chat_template
from stackctl.effects.storage.folder import Folder
from stackctl.errors import DataError, EngineError, GpuError, Interrupted, ModelError, NotReady, StackctlError
from stackctl.machine import Machine
from stackctl.orchestrators.compose import render
from stackctl.report import status_text
from tests.commands import folders
from tests.commands.engines import Stage, StageCompose, container, quiet_stage
from tests.commands.machines import Quiet
from tests.commands.pages import page_of
from tests.core.samples import a_plan
from tests.fakes import FakeImages, FakeTavern
from tests.shapes.demo_template import demo_with_template

IMAGES = {service.image: "sha256:1" for service in a_plan().services}
QUICK = Options(prove=False, timeout_s=20)
TOML = '# mine\n[model]\nuse = "good"\n[models.good]\npath = "good.gguf"\n[models.bad]\npath = "bad.gguf"\n'
UNKNOWN = "error loading model architecture: unknown model architecture: 'llamz'"
SETTINGS = f"sillytavern/{tavern.SETTINGS}"
CHAT = "sillytavern/data/default-user/chats/Ann/one.jsonl"
BEFORE = ".stackctl/before"


@dataclass
class Careful(Stage):
    """An engine that recreates what has changed, alone; a backend with bad.gguf dies."""

    services: dict[str, Any] = field(default_factory=dict)  # as each was created
    created: int = 0
    meanwhile: Callable[[], object] = lambda: None  # what happens while the bad model is loaded
    log: tuple[str, ...] = (UNKNOWN,)
    breaks: str = "bad.gguf"
    is_away: bool = False
    is_slow: bool = False  # it is loaded for ever instead

    def up(self, text: str) -> str:
        for name, service in render.services(text).items():
            wanted = {**service, **({"image": self.instead[name]} if name in self.instead else {})}
            is_same = self.services.get(name) == wanted and name in self.states_ and self.states_[name].is_ready
            if self.only in {None, name} and not is_same:
                self._create(name, wanted)
                if not self.states_[name].is_ready:
                    break
        return ""

    def states(self, project: str) -> dict[str, ServiceState]:
        if self.is_away:
            raise EngineError("the engine stopped answering", hint="docker info")
        return super().states(project)

    def _create(self, name: str, service: Mapping[str, Any]) -> None:
        self.services[name] = service
        self.created += 1
        state = replace(
            container(name, state="running"),
            container=f"id-{name}-{self.created}",
            image=service["image"],
            image_id=self.images.id(service["image"]),
        )
        if self.breaks in json.dumps(service):
            self.logs = {name: self.log}
            ended = replace(state, state="exited", health="", exit_code=1)
            state = replace(state, health="starting") if self.is_slow else ended
        self.states_[name] = state
        if not state.is_ready:
            self.meanwhile()
        self.stream.put({"id": state.container, "Action": "start", "timeNano": 10**9})


def works(folder: Path, **more: Any) -> tuple[Machine, Careful, Quiet]:
    """A stack that runs good.gguf, with a chat; bad.gguf lies beside."""
    for name in ("good", "bad"):
        (folder / f"{name}.gguf").write_bytes(gguf_bytes())
    (folder / "stack.toml").write_text(TOML)
    stage = Careful(**{"images": FakeImages(published=dict(IMAGES)), **more})
    here = quiet_stage(folder, stage)
    deploy(here.machine, {}, QUICK)
    chat = folder / CHAT
    chat.parent.mkdir(parents=True)
    chat.write_text('{"mes": "hello"}')
    return here.machine, stage, here


def content(folder: Path) -> dict[str, bytes]:
    """All that lies in the folder, but for what tells of the failure."""
    left_out = {"failed.log", "lock"}
    found = (one for one in folder.rglob("*") if one.is_file() and one.name not in left_out)
    return {str(one.relative_to(folder)): one.read_bytes() for one in found}


def starts(here: Quiet) -> list[tuple[str, ...]]:
    """What Compose was asked to start."""
    assert isinstance(here.orchestrator, StageCompose)
    return here.orchestrator.words


def containers(stage: Stage) -> dict[str, str]:
    return {name: one.container for name, one in stage.states_.items()}


# -- the ways to fail


def test_a_model_that_cannot_load_ends_with_the_former_one_and_every_file_as_it_was(tmp_path: Path) -> None:
    machine, stage, here = works(tmp_path)
    before, ran = content(tmp_path), containers(stage)
    with pytest.raises(ModelError, match="architecture") as caught:
        use(machine, "bad", QUICK)
    assert caught.value.rolled_back is True
    assert caught.value.exit_code == 8
    assert caught.value.hint.endswith("Rolled back: llama.cpp with good.gguf runs again, as before.")
    assert content(tmp_path) == before
    assert containers(stage)["sillytavern"] == ran["sillytavern"]
    assert stage.states_["llamacpp"].is_ready
    assert "good.gguf" in json.dumps(stage.services["llamacpp"])
    assert UNKNOWN in (tmp_path / ".stackctl/failed.log").read_text()
    assert "going back to what ran before" in here.said.getvalue()
    assert use(machine, "good", QUICK).plan.model_name == "good.gguf"


def test_the_presets_of_a_model_that_cannot_load_go_and_those_that_the_user_changed_meanwhile_stay(
    tmp_path: Path,
) -> None:
    machine, stage, here = works(tmp_path)
    here.host.rendering = chat_template.render
    (tmp_path / "bad.gguf").write_bytes(demo_with_template())
    before, presets = content(tmp_path), tmp_path / "sillytavern/data/default-user"
    stage.meanwhile = lambda: (presets / "context/bad.json").write_text('{"mine": 1}')
    with pytest.raises(ModelError):
        use(machine, "bad", QUICK)
    assert content(tmp_path) == before | {"sillytavern/data/default-user/context/bad.json": b'{"mine": 1}'}


def test_only_the_backend_is_asked_for_on_the_way_back(tmp_path: Path) -> None:
    machine, _, here = works(tmp_path)
    with pytest.raises(ModelError):
        use(machine, "bad", QUICK)
    assert [words[:2] for words in starts(here)] == [
        ("apply", "all"), ("apply", "all"), ("apply", "llamacpp"),
    ]  # fmt: skip


def test_a_program_that_exits_is_a_failure_of_its_own_code(tmp_path: Path) -> None:
    machine, stage, _ = works(tmp_path, log=("giving up",))
    with pytest.raises(NotReady, match="ended by itself") as caught:
        use(machine, "bad", QUICK)
    assert (caught.value.exit_code, caught.value.rolled_back) == (7, True)
    assert stage.states_["llamacpp"].is_ready


class Killed(BaseException):
    """What nothing in stackctl catches, as nothing catches a SIGKILL."""


def raising(error: BaseException) -> Callable[[], None]:
    def happen() -> None:
        raise error

    return happen


def test_ctrl_c_before_it_is_ready_goes_back_and_says_so(tmp_path: Path) -> None:
    machine, stage, _ = works(tmp_path)
    before = content(tmp_path)
    stage.meanwhile = raising(KeyboardInterrupt())
    with pytest.raises(Interrupted) as caught:
        use(machine, "bad", QUICK)
    assert (caught.value.exit_code, caught.value.rolled_back) == (130, True)
    assert content(tmp_path) == before
    assert stage.states_["llamacpp"].is_ready


def test_a_time_that_is_over_goes_back_and_advises_a_longer_one(tmp_path: Path) -> None:
    machine, stage, _ = works(tmp_path, log=("loading",))
    before = content(tmp_path)
    stage.is_slow = True
    with pytest.raises(NotReady, match="not ready after 1 s") as caught:
        use(machine, "bad", replace(QUICK, timeout_s=1))
    assert caught.value.hint.startswith("Give it longer with `--timeout SECONDS`. ")
    assert "the services keep starting" not in caught.value.hint
    assert content(tmp_path) == before


def test_a_gpu_that_the_engine_refuses_leaves_the_files_as_they_were_and_starts_nothing(tmp_path: Path) -> None:
    machine, stage, here = works(tmp_path)
    before, ran, started = content(tmp_path), containers(stage), len(starts(here))
    stage.trials["nvidia"] = GpuTrial(refusal="no GPU")
    with pytest.raises(GpuError) as caught:
        deploy(machine, {"gpu.mode": "nvidia", "backend.image": a_plan().services[0].image}, QUICK)
    assert caught.value.rolled_back is True
    assert content(tmp_path) == before
    assert containers(stage) == ran
    assert len(starts(here)) == started


def test_an_offload_to_the_gpu_that_fails_while_the_model_is_loaded_goes_back(tmp_path: Path) -> None:
    machine, stage, _ = works(tmp_path, log=("ggml_cuda_init: failed to initialize CUDA: no CUDA-capable device",))
    before = content(tmp_path)
    with pytest.raises(StackctlError) as caught:
        use(machine, "bad", QUICK)
    assert caught.value.rolled_back is True
    assert content(tmp_path) == before
    assert stage.states_["llamacpp"].is_ready


class Filling(Folder):
    """A disk that is full after so many writes; what needs no room still goes."""

    room: int

    def write(self, name: str, content: str | bytes, *, mode: int = 0o644, reader: Owner | None = None) -> bool:
        if self.room <= 0 and super().read_bytes(name) != (content.encode() if isinstance(content, str) else content):
            raise DataError(f"{name} can't be written: No space left on device", hint="Free some space")
        self.room -= 1
        return super().write(name, content, mode=mode, reader=reader)


@pytest.mark.parametrize("room", range(16))
def test_a_disk_that_is_full_at_any_moment_leaves_what_worked(tmp_path: Path, room: int) -> None:
    machine, stage, _ = works(tmp_path)
    before, ran = content(tmp_path), containers(stage)
    folder = Filling(tmp_path, machine.folder.owner)
    folder.room = room
    machine.folder = folder
    with pytest.raises(StackctlError) as caught:
        use(machine, "bad", QUICK)
    assert caught.value.exit_code in {8, 9}
    assert content(tmp_path) == before
    assert containers(stage)["sillytavern"] == ran["sillytavern"]
    assert stage.states_["llamacpp"].is_ready


# -- what is gone, or was killed


def test_a_backend_whose_container_somebody_removed_is_made_again(tmp_path: Path) -> None:
    machine, stage, _ = works(tmp_path)
    before = content(tmp_path)
    del stage.states_["llamacpp"]
    with pytest.raises(ModelError) as caught:
        use(machine, "bad", QUICK)
    assert caught.value.rolled_back is True
    assert content(tmp_path) == before
    assert "good.gguf" in json.dumps(stage.services["llamacpp"])
    assert stage.states_["llamacpp"].is_ready


def test_a_stack_that_is_down_stays_down_with_its_files_as_they_were(tmp_path: Path) -> None:
    machine, stage, here = works(tmp_path)
    before = content(tmp_path)
    stage.states_.clear()
    with pytest.raises(ModelError) as caught:
        use(machine, "bad", QUICK)
    assert caught.value.rolled_back is True
    assert content(tmp_path) == before
    assert here.orchestrator.asked[-1][0] == "down"


def test_an_image_whose_name_means_another_by_now_runs_by_its_id(tmp_path: Path) -> None:
    machine, stage, here = works(tmp_path)
    image = a_plan().services[0].image
    stage.images.ids[image] = "sha256:new"
    stage.images.ids["kept by somebody"] = ran = image.partition("@")[2]
    with pytest.raises(ModelError) as caught:
        use(machine, "bad", QUICK)
    assert caught.value.rolled_back is True
    assert starts(here)[-1] == ("apply", "llamacpp", f"llamacpp by {ran}")


def test_an_image_that_is_gone_is_brought_back(tmp_path: Path) -> None:
    machine, stage, _ = works(tmp_path)
    image = a_plan().services[0].image
    stage.meanwhile = lambda: stage.images.here.pop(image)
    with pytest.raises(ModelError) as caught:
        use(machine, "bad", QUICK)
    assert caught.value.rolled_back is True
    assert stage.images.done[-1] == f"pull {image}"
    assert stage.states_["llamacpp"].is_ready


def test_one_that_nobody_has_any_more_is_exit_7_with_the_state_and_one_command(tmp_path: Path) -> None:
    machine, stage, _ = works(tmp_path)
    before = content(tmp_path)
    image = a_plan().services[0].image

    def remove() -> None:
        del stage.images.here[image]
        stage.images.published.clear()

    stage.meanwhile = remove
    with pytest.raises(
        NotReady, match=r"going back to what ran before failed, too: the image .* can't be pulled"
    ) as caught:
        use(machine, "bad", QUICK)
    assert (caught.value.exit_code, caught.value.rolled_back) == (7, False)
    assert "(llamacpp: exited, sillytavern: healthy)" in caught.value.message
    assert caught.value.hint.endswith("Run `stackctl start` then, to go back to what ran before.")

    stage.images.published = dict(IMAGES)
    lifecycle.start(machine, None, again=False, timeout_s=20)
    assert content(tmp_path) == before
    assert stage.states_["llamacpp"].is_ready


def killed_midway(folder: Path) -> tuple[Machine, Careful, dict[str, bytes]]:
    """A `use` that was killed while its model was being loaded, and what lay in the folder before."""
    machine, stage, _ = works(folder)
    before = content(folder)
    stage.meanwhile = raising(Killed())
    with pytest.raises(Killed):
        use(machine, "bad", QUICK)
    stage.meanwhile = lambda: None
    assert content(folder) != before
    return machine, stage, before


def test_after_a_kill_status_says_so_and_start_goes_back(tmp_path: Path) -> None:
    machine, stage, before = killed_midway(tmp_path)
    text, values = status_text.status(status(machine), machine.ui)
    assert values["unfinished"]
    assert values["unfinished"]["hint"].startswith("Run `stackctl start` to go back to what ran before, or ")
    assert values["unfinished"]["problem"] in text
    lifecycle.start(machine, None, again=False, timeout_s=20)
    assert content(tmp_path) == before
    assert stage.states_["llamacpp"].is_ready
    assert status_text.status(status(machine), machine.ui)[1]["unfinished"] is None


def test_after_a_kill_deploy_goes_on_and_back_where_that_fails(tmp_path: Path) -> None:
    machine, stage, before = killed_midway(tmp_path)
    with pytest.raises(ModelError) as caught:
        deploy(machine, {}, QUICK)
    assert caught.value.rolled_back is True
    assert content(tmp_path) == before
    assert "good.gguf" in json.dumps(stage.services["llamacpp"])


def test_after_a_kill_deploy_goes_on_to_what_works(tmp_path: Path) -> None:
    machine, _, _ = killed_midway(tmp_path)
    (tmp_path / "stack.toml").write_text((tmp_path / "stack.toml").read_text().replace("bad.gguf", "good.gguf"))
    assert deploy(machine, {}, QUICK).plan.model_name == "good.gguf"
    assert not (tmp_path / journals.FILE).exists()


def test_what_was_edited_between_a_kill_and_the_next_deploy_stays(tmp_path: Path) -> None:
    machine, _, _ = killed_midway(tmp_path)
    toml = tmp_path / "stack.toml"
    toml.write_text(toml.read_text() + "# and mine\n")
    with pytest.raises(ModelError):
        deploy(machine, {}, QUICK)
    assert toml.read_text() == TOML + "# and mine\n"


def test_after_a_kill_an_adoption_ends_the_way_back_to_other_settings(tmp_path: Path) -> None:
    machine, _, _ = killed_midway(tmp_path)
    adopt(machine, prepare(machine, folders.native(tmp_path / "native")))
    assert not list((tmp_path / BEFORE).iterdir())


# -- what somebody edited meanwhile


def test_lines_of_stack_toml_that_somebody_wrote_meanwhile_stay_and_are_named(tmp_path: Path) -> None:
    machine, stage, here = works(tmp_path)
    toml = tmp_path / "stack.toml"
    stage.meanwhile = lambda: toml.write_text(toml.read_text() + "# mine, too\n")
    with pytest.raises(ModelError):
        use(machine, "bad", QUICK)
    assert toml.read_text() == TOML + "# mine, too\n"
    assert "stack.toml was edited meanwhile: your own lines stay (line 8)" in here.said.getvalue()


def test_a_line_that_both_wrote_stays_as_the_user_has_it(tmp_path: Path) -> None:
    machine, stage, _ = works(tmp_path)
    toml = tmp_path / "stack.toml"
    stage.meanwhile = lambda: toml.write_text(toml.read_text().replace('use = "bad"', 'use = "bad" # why not?'))
    with pytest.raises(ModelError):
        use(machine, "bad", QUICK)
    assert 'use = "bad" # why not?' in toml.read_text()
    assert stage.states_["llamacpp"].is_ready


def test_a_wish_that_the_user_wrote_by_hand_stays_and_is_named(tmp_path: Path) -> None:
    machine, stage, here = works(tmp_path)
    toml = tmp_path / "stack.toml"
    toml.write_text(TOML.replace('"good"\n', '"bad"\n', 1))
    with pytest.raises(ModelError):
        deploy(machine, {}, QUICK)
    assert 'use = "bad"' in toml.read_text()
    assert "stack.toml stays as you wrote it" in here.said.getvalue()
    assert "good.gguf" in json.dumps(stage.services["llamacpp"])


def test_settings_that_the_page_saved_meanwhile_stay_but_for_what_the_deploy_wrote(tmp_path: Path) -> None:
    machine, stage, _ = works(tmp_path)
    file = tmp_path / SETTINGS
    former = json.loads(file.read_text())

    def save() -> None:
        now = json.loads(file.read_text())
        assert now["max_context"] == 1024
        file.write_text(json.dumps({**now, "username": "Bo"}))

    stage.meanwhile = save
    with pytest.raises(ModelError):
        deploy(machine, {"model.use": "bad", "backend.context": 1024}, QUICK)
    assert json.loads(file.read_text()) == {**former, "username": "Bo"}


@dataclass
class Slow(FakeImages):
    """A registry from which a pull takes long."""

    meanwhile: Callable[[], object] = lambda: None

    def pull(self, name: str) -> None:
        super().pull(name)
        self.meanwhile()


def test_settings_that_the_page_saved_while_something_was_fetched_are_those_that_come_back(tmp_path: Path) -> None:
    images = Slow(published=dict(IMAGES))
    machine, stage, _ = works(tmp_path, images=images)
    file = tmp_path / SETTINGS
    saved = json.dumps({**json.loads(file.read_text()), "username": "Bo"})
    del stage.images.here[a_plan().services[0].image]
    images.meanwhile = lambda: file.write_text(saved)
    with pytest.raises(ModelError):
        deploy(machine, {"model.use": "bad", "backend.context": 1024}, QUICK)
    assert file.read_text() == saved


def test_a_file_of_the_container_that_ends_the_deploy_does_not_end_the_way_back(tmp_path: Path) -> None:
    machine, stage, _ = works(tmp_path)
    ran = containers(stage)
    secrets = tmp_path / "sillytavern/data/default-user/secrets.json"
    secrets.unlink()
    secrets.mkdir()
    with pytest.raises(DataError, match="is not a regular file") as caught:
        use(machine, "bad", QUICK)
    assert (caught.value.exit_code, caught.value.rolled_back) == (9, True)
    assert containers(stage) == ran
    assert "good.gguf" in (tmp_path / "compose.yml").read_text()


def test_a_stack_toml_that_somebody_removed_meanwhile_comes_back(tmp_path: Path) -> None:
    machine, stage, _ = works(tmp_path)
    stage.meanwhile = (tmp_path / "stack.toml").unlink
    with pytest.raises(ModelError):
        use(machine, "bad", QUICK)
    assert (tmp_path / "stack.toml").read_text() == TOML


def test_a_compose_yml_that_somebody_edited_meanwhile_is_kept_aside(tmp_path: Path) -> None:
    machine, stage, here = works(tmp_path)
    file = tmp_path / "compose.yml"
    former = file.read_text()
    stage.meanwhile = lambda: file.write_text(file.read_text() + "# mine\n")
    with pytest.raises(ModelError):
        use(machine, "bad", QUICK)
    assert file.read_text() == former
    assert (tmp_path / "compose.yml.kept-1").read_text().endswith("# mine\n")
    assert "compose.yml was edited meanwhile: that version is kept as compose.yml.kept-1" in here.said.getvalue()


# -- when nothing goes back


def test_no_rollback_keeps_the_wreck_until_start_or_deploy(tmp_path: Path) -> None:
    machine, stage, here = works(tmp_path)
    before = content(tmp_path)
    with pytest.raises(ModelError) as caught:
        use(machine, "bad", replace(QUICK, rollback=False))
    assert caught.value.rolled_back is None
    assert "bad.gguf" in (tmp_path / "compose.yml").read_text()
    assert stage.states_["llamacpp"].state == "exited"
    assert "Run `stackctl start` to go back to what ran before" in here.said.getvalue()
    lifecycle.start(machine, None, again=False, timeout_s=20)
    assert content(tmp_path) == before


def test_a_deploy_that_changes_nothing_has_nothing_to_go_back_to(tmp_path: Path) -> None:
    machine, stage, here = works(tmp_path)
    stage.states_["llamacpp"] = replace(stage.states_["llamacpp"], state="exited", health="")
    stage.breaks, stage.log = "good.gguf", ("giving up",)
    with pytest.raises(NotReady, match=r"^llamacpp: ended by itself") as caught:
        deploy(machine, {}, QUICK)
    assert caught.value.rolled_back is None
    assert "going back" not in here.said.getvalue()
    assert not list((tmp_path / BEFORE).iterdir())


def test_an_engine_that_went_away_meanwhile_is_exit_7_with_one_command(tmp_path: Path) -> None:
    machine, stage, _ = works(tmp_path)
    stage.meanwhile = lambda: setattr(stage, "is_away", True)
    with pytest.raises(NotReady, match="going back to what ran before failed, too: the engine") as caught:
        use(machine, "bad", QUICK)
    assert caught.value.rolled_back is False
    assert "(its containers can't be seen)" in caught.value.message
    stage.is_away = False
    stage.meanwhile = lambda: None
    lifecycle.start(machine, None, again=False, timeout_s=20)
    assert "good.gguf" in json.dumps(stage.services["llamacpp"])


def test_a_first_deploy_has_nothing_to_go_back_to(tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(gguf_bytes())
    here = quiet_stage(tmp_path, Careful(images=FakeImages(published=dict(IMAGES))))
    with pytest.raises(ModelError) as caught:
        deploy(here.machine, {"model.path": "bad.gguf"}, QUICK)
    assert caught.value.rolled_back is None
    assert "bad.gguf" in (tmp_path / "stack.toml").read_text()
    assert not (tmp_path / BEFORE).exists()


def test_a_deploy_that_is_ready_keeps_nothing_of_the_former_one_and_its_proof_takes_nothing_back(
    tmp_path: Path,
) -> None:
    machine, stage, _ = works(tmp_path)
    wanted = {"model.use": "good", "backend.context": 4096}
    page = page_of(deploy(machine, wanted, replace(QUICK, dry_run=True)).plan)
    page.replies = [replace(page.replies[0], is_whole=False)]
    machine.tavern = FakeTavern(page=page)
    with pytest.raises(NotReady, match="broke off") as caught:
        deploy(machine, wanted, replace(QUICK, prove=True))
    assert caught.value.rolled_back is None
    assert "4096" in json.dumps(stage.services["llamacpp"])
    assert not list((tmp_path / BEFORE).iterdir())


def test_where_sillytavern_itself_was_replaced_but_never_ran_the_whole_stack_goes_back(tmp_path: Path) -> None:
    machine, stage, _ = works(tmp_path)
    before = content(tmp_path)
    stage.meanwhile = lambda: stage.states_.update(
        sillytavern=replace(container("sillytavern", state="created"), container="new")
    )
    with pytest.raises(ModelError) as caught:
        deploy(machine, {"model.use": "bad", "sillytavern.port": 8050}, QUICK)
    assert caught.value.rolled_back is True
    assert content(tmp_path) == before
    assert all(one.is_ready for one in stage.states_.values())
    assert "127.0.0.1:8000:8000" in json.dumps(stage.services["sillytavern"])


def test_where_another_sillytavern_has_run_nothing_goes_back(tmp_path: Path) -> None:
    machine, stage, here = works(tmp_path)
    stage.meanwhile = lambda: stage.states_.update(
        sillytavern=replace(container("sillytavern", state="running"), container="new")
    )
    with pytest.raises(ModelError) as caught:
        deploy(machine, {"model.use": "bad", "sillytavern.port": 8050}, QUICK)
    assert caught.value.rolled_back is None
    assert "this deploy changed SillyTavern itself, which has run since" in here.said.getvalue()


def test_a_copy_of_the_data_that_nobody_needs_any_more_goes_with_the_way_back(tmp_path: Path) -> None:
    machine, stage, _ = works(tmp_path)
    before, image = content(tmp_path), a_plan().sillytavern.image
    stage.images.ids = {f"{image}@sha256:1": "sha256:newer"}
    copies = list[Path]()

    def look() -> None:
        copies.extend(tmp_path.glob("sillytavern.kept-*"))
        stage.images.ids = {}

    stage.meanwhile = look
    with pytest.raises(ModelError) as caught:
        use(machine, "bad", QUICK)
    assert [one.name for one in copies] == ["sillytavern.kept-1"]
    assert caught.value.rolled_back is True
    assert content(tmp_path) == before
