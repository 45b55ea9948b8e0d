"""uninstall: what is ours goes once it is agreed to, what others use stays, and chats need their stack's name."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stackctl.cli import main
from stackctl.commands.deploy import Options, deploy
from stackctl.commands.uninstall.look import look
from stackctl.commands.uninstall.remove import Uninstalled, chosen_chats, planned, uninstall
from stackctl.core.observed import ContainerSeen
from stackctl.core.plan.images import repository
from stackctl.core.setup.record import Added
from stackctl.core.uninstall.content import ContainerHere, EngineContent, ImageHere, NetworkHere
from stackctl.core.uninstall.inventory import Item, Kind
from stackctl.errors import ConfigError, EngineError
from stackctl.machine import Machine
from stackctl.ports.disk import Folder
from stackctl.ports.runtime import Runtime
from stackctl.steps.setup.record import record
from stackctl.ui import Ui
from tests.commands.engines import Stage, quiet_stage
from tests.commands.machines import Quiet
from tests.core.samples import a_plan
from tests.fakes import FakeDocker, FakeImages

IMAGES = dict.fromkeys((service.image for service in a_plan().services), f"sha256:{'1' * 64}")
DEMO: dict[str, object] = {"model.path": "demo", "name": "mine"}
CHAT = "sillytavern/data/default-user/chats/Anna/one.jsonl"


class Engine(Stage):
    """An engine whose content follows from what was removed."""

    def stop(self, container_id: str, grace_s: int) -> None:
        del grace_s
        self.asked.append(f"stop {container_id}")

    def content(self) -> EngineContent:
        super().content()
        gone = {one.removeprefix("remove ") for one in self.asked if one.startswith("remove ")}
        return replace(
            self.content_, containers=tuple(one for one in self.content_.containers if one.project not in gone)
        )


def container(project: str, folder: object, image: str = "x", **more: Any) -> ContainerHere:
    fields = {"id": f"{project}-1", "name": f"{project}-page", "state": "running", "is_marked": True, **more}
    return ContainerHere(image=image, image_id=image, project=project, folder=str(folder), **fields)


@pytest.fixture
def here(tmp_path: Path) -> Quiet:
    """A stack that was deployed in a folder, has a chat, and runs."""
    folder = tmp_path / "mine"
    folder.mkdir()
    stage = Engine(images=FakeImages(published=dict(IMAGES)))
    found = quiet_stage(folder, stage)
    deploy(found.machine, DEMO, Options(prove=False, timeout_s=20))
    (folder / CHAT).parent.mkdir(parents=True)
    (folder / CHAT).write_text("a chat")
    names = list(IMAGES)
    stage.content_ = EngineContent(
        containers=tuple(container("mine", folder, name) for name in names),
        images=tuple(
            ImageHere(
                id=name,
                tags=(name.partition("@")[0],),
                digests=(f"{repository(name)}@{name.partition('@')[2] or IMAGES[name]}",),
                size=100,
            )
            for name in names
        ),
    )
    stage.containers_ = [
        ContainerSeen(id=f"id-{service}", service=service, folder=str(folder), config_hash="")
        for service in ("llamacpp", "sillytavern")
    ]
    stage.asked.clear()
    stage.images.done.clear()
    return found


def everything(machine: Machine, *chats: str, no: tuple[Kind, ...] = ()) -> Uninstalled:
    found = look(machine)

    def agrees(kind: Kind, items: tuple[Item, ...]) -> bool:
        del items
        return kind not in no

    return uninstall(machine, found, chosen_chats(found, chats), agrees)


def became(done: Uninstalled) -> dict[tuple[str, str], str]:
    return {(one.item.kind, one.item.name): "removed" if one.is_removed else one.reason for one in done.outcomes}


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_look_and_a_dry_run_change_nothing(here: Quiet, tmp_path: Path) -> None:
    before = files(tmp_path)
    done = planned(look(here.machine), ())
    assert became(done)["stacks", "mine"] == "removed"
    assert became(done)["chats", "mine"] == "chats go only with `--chats NAME`"
    assert (files(tmp_path), here.docker.asked, here.docker.images.done) == (before, [], [])


def test_stacks_go_first_and_gracefully_then_images_and_the_folder_stays_whole(here: Quiet) -> None:
    before = files(here.machine.path)
    done = everything(here.machine)
    asked = [one for one in here.docker.asked if one.startswith(("stop", "remove", "claim"))]
    assert asked == ["claim mine", "stop id-sillytavern", "stop id-llamacpp", "remove mine"]
    assert {f"remove {name.partition('@')[0]}" for name in IMAGES} <= set(here.docker.images.done)
    assert before.items() <= files(here.machine.path).items()
    assert done.exit_code == 0


def test_what_is_not_agreed_to_stays_and_so_do_the_images_and_models_that_it_uses(here: Quiet) -> None:
    done = everything(here.machine, no=("stacks",))
    assert became(done)["stacks", "mine"] == "not agreed to"
    assert {text for (kind, _), text in became(done).items() if kind == "images"} == {"used by mine-page"}
    assert not here.docker.images.done


def test_projects_that_are_not_ours_are_not_listed(here: Quiet, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "stack.toml").write_text("")
    content = here.docker.content_
    others = (
        container("theirs", theirs, is_marked=False),
        container("tavern", "/nowhere/at/all", is_marked=False),
        container("copied", here.machine.path, is_marked=False),
    )
    here.docker.content_ = replace(content, containers=(*content.containers, *others))
    assert [one.name for one in look(here.machine).of("stacks")] == ["mine"]


def test_a_stack_whose_folder_is_gone_goes_too(here: Quiet) -> None:
    content = here.docker.content_
    here.docker.content_ = replace(content, containers=(container("lost", "/nowhere/at/all"),))
    done = everything(here.machine)
    assert became(done)["stacks", "lost"] == "removed"
    assert "remove lost" in here.docker.asked


def test_a_stack_whose_name_another_folder_uses_stays(here: Quiet) -> None:
    content = here.docker.content_
    other = container("mine", "/srv/other", is_marked=False)
    here.docker.content_ = replace(
        content, containers=(*(replace(one, is_marked=False) for one in content.containers), other)
    )
    assert became(everything(here.machine))["stacks", "mine"] == "the project in /srv/other has the same name"


def test_one_thing_that_fails_keeps_no_other_and_a_second_run_finishes(here: Quiet) -> None:
    first, second = (name.partition("@")[0] for name in IMAGES)
    here.docker.images.stuck = {first}
    done = everything(here.machine)
    assert done.exit_code == EngineError.exit_code
    assert became(done)["images", first] == f"the image {first} could not be removed"
    assert became(done)["images", second] == "removed"
    here.docker.images.stuck = set()
    again = everything(here.machine)
    assert (again.exit_code, became(again)["images", first]) == (0, "removed")


def test_leftovers_of_a_killed_stackctl_go_unless_they_run(here: Quiet) -> None:
    made: dict[str, Any] = {"made_by": "gpu trial", "image": "x", "image_id": "x"}
    here.docker.content_ = EngineContent(
        containers=(
            ContainerHere(id="dead", name="dead", state="exited", **made),
            ContainerHere(id="alive", name="alive", state="running", **made),
        ),
        networks=(NetworkHere(id="n", name="inquiry", made_by="inquiry"),),
    )
    everything(here.machine)
    assert [one for one in here.docker.asked if one.startswith("remove ")] == [
        "remove container dead",
        "remove network n",
    ]


def test_programs_the_catalogue_and_smokes_folder_go_and_setups_record_stays(here: Quiet, tmp_path: Path) -> None:
    data = here.machine.storage.data
    for name in ("programs/koboldcpp/1.1/koboldcpp", "catalogue.toml", "models/x.gguf.part"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text("1234")
    here.system.temporary_ = str(tmp_path)
    (tmp_path / "stackctl-smoke-1000" / "smoke").mkdir(parents=True)
    record(here.machine, (Added(time="t", title="Docker", manager="apt", packages=("docker.io",)),))
    done = everything(here.machine)
    assert sorted(one.name for one in data.iterdir()) == ["setup.json"]
    assert not (tmp_path / "stackctl-smoke-1000").exists()
    assert done.found.ways_back[0][:2] == ("apt-get", "remove")
    assert became(done)["files", "the record of `stackctl setup`"] == "`stackctl setup --undo` needs it"


# -- chats


def test_chats_go_with_all_that_stackctl_wrote_and_nothing_that_is_the_users(here: Quiet) -> None:
    folder = here.machine.path
    (folder / "notes.txt").write_text("mine")
    (folder / "compose.override.yml").write_text("services: {}\n")
    (folder / "sillytavern.kept-1").mkdir()
    done = everything(here.machine, "mine")
    assert sorted(one.name for one in folder.iterdir()) == ["compose.override.yml", "notes.txt"]
    assert next(one.left for one in done.outcomes if one.item.kind == "chats") == ("compose.override.yml", "notes.txt")


def test_an_empty_folder_goes_with_the_chats(here: Quiet) -> None:
    everything(here.machine, "mine")
    assert not here.machine.path.exists()


def test_a_compose_file_that_somebody_changed_stays(here: Quiet) -> None:
    file = here.machine.path / "compose.yml"
    file.write_text(file.read_text() + "# mine\n")
    everything(here.machine, "mine")
    assert [one.name for one in here.machine.path.iterdir()] == ["compose.yml"]


def test_chats_behind_a_link_or_outside_of_the_folder_are_never_touched(here: Quiet, tmp_path: Path) -> None:
    folder = here.machine.path
    elsewhere = (folder / "sillytavern").rename(tmp_path / "elsewhere")
    (folder / "sillytavern").symlink_to(elsewhere)
    with pytest.raises(ConfigError, match="lies outside"):
        everything(here.machine, "mine")
    assert became(everything(here.machine))["chats", "mine"].startswith("it lies outside")
    assert (elsewhere / CHAT.removeprefix("sillytavern/")).read_text() == "a chat"


def test_chats_of_a_stack_that_still_has_containers_stay(here: Quiet) -> None:
    done = everything(here.machine, "mine", no=("stacks",))
    assert became(done)["chats", "mine"] == "its stack still has containers"
    assert (here.machine.path / CHAT).exists()


def test_a_stack_without_containers_is_found_in_its_own_folder(here: Quiet) -> None:
    here.docker.content_ = EngineContent()
    assert [one.name for one in look(here.machine).of("chats")] == ["mine"]
    everything(here.machine, "mine")
    assert not here.machine.path.exists()


def test_an_unknown_name_is_refused_with_those_that_there_are(here: Quiet) -> None:
    with pytest.raises(ConfigError, match="no stack 'other'") as caught:
        chosen_chats(look(here.machine), ("other",))
    assert "mine" in caught.value.hint


# -- at the door


def run(here: Quiet, *words: str) -> tuple[int, str]:
    def machine(_: Path, ui: Ui) -> Machine:
        return replace(here.machine, ui=ui)

    done = CliRunner().invoke(main, ["-C", str(here.machine.path), *words], obj=machine, catch_exceptions=False)
    return done.exit_code, done.output


def test_yes_never_covers_chats(here: Quiet) -> None:
    code, said = run(here, "uninstall", "--yes")
    assert code == 0, said
    assert (here.machine.path / CHAT).exists()
    assert "to remove stackctl itself: pipx uninstall stackctl" in said


def test_without_a_terminal_no_name_can_be_typed_and_nothing_is_changed(here: Quiet, tmp_path: Path) -> None:
    before = files(tmp_path)
    code, said = run(here, "uninstall", "--yes", "--chats", "mine")
    assert (code, "there is no terminal" in said) == (3, True), said
    assert (files(tmp_path), here.docker.asked) == (before, [])


def test_without_an_engine_what_does_not_need_one_goes_and_the_rest_is_said(here: Quiet) -> None:
    here.docker.silent = EngineError("no engine answers", hint="Start it.")
    code, said = run(here, "uninstall", "--yes", "--json")
    values = json.loads(said[said.index("{") :])
    assert (code, values["exit_code"]) == (4, 4)
    assert values["problems"][0]["message"] == "no engine answers"


# -- what lies elsewhere


def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "theirs" / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "c.txt").write_text("theirs")
    return tmp_path / "theirs"


@pytest.mark.parametrize(("link", "to"), [("programs", ""), ("programs/llamacpp", "a"), ("programs/llamacpp/b1", "a")])
def test_programs_behind_a_link_stay(here: Quiet, tmp_path: Path, link: str, to: str) -> None:
    theirs = elsewhere(tmp_path)
    place = here.machine.storage.data / link
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(theirs / to)
    before = files(theirs)
    done = everything(here.machine)
    assert files(theirs) == before
    assert not done.errors
    assert "it lies behind a link" in {text for (kind, _), text in became(done).items() if kind == "programs"}


def test_smokes_folder_that_is_a_link_stays_and_nothing_is_written_behind_it(here: Quiet, tmp_path: Path) -> None:
    theirs = elsewhere(tmp_path)
    here.system.temporary_ = str(tmp_path)
    home = tmp_path / f"stackctl-smoke-{here.machine.system.user().uid}"
    home.symlink_to(theirs)
    done = everything(here.machine)
    assert became(done)["files", "the folder of `stackctl smoke`"] == "it lies behind a link"
    assert sorted(theirs.rglob("*")) == [theirs / "a", theirs / "a/b", theirs / "a/b/c.txt"]


@pytest.mark.parametrize("point", ["sillytavern", "sillytavern/data/of\\040others"])
def test_chats_in_which_a_file_system_is_mounted_stay(here: Quiet, point: str) -> None:
    here.system.texts["/proc/self/mountinfo"] = f"36 35 98:0 / {here.machine.path}/{point} rw - ext4 /dev/sda1 rw\n"
    with pytest.raises(ConfigError, match="a file system is mounted at"):
        everything(here.machine, "mine")
    assert (here.machine.path / CHAT).exists()


def test_a_stack_in_swarm_is_found_without_containers_and_goes_by_what_runs_it(here: Quiet, tmp_path: Path) -> None:
    asked: list[str] = []
    swarm = FakeDocker()

    def switch(folder: Folder, target: str, settings: object) -> Runtime:
        del folder, settings
        asked.append(target)
        return Runtime(here.orchestrator, swarm, here.host, here.machine.gpus)

    here.machine.switch = switch
    here.docker.runs = {"far": ("swarm",)}
    here.docker.content_ = replace(here.docker.content_, stacks=(("far", str(tmp_path / "far")),))
    done = everything(here.machine)
    assert became(done)["stacks", "far"] == "removed"
    assert "swarm" in asked
    assert "remove far" in swarm.asked
