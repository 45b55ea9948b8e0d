"""What was deployed in a folder: read from plan.json, planned again where there is none."""

import json
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stackctl import __version__
from stackctl.commands import lifecycle
from stackctl.commands.deploy import Options, deploy
from stackctl.commands.render import render
from stackctl.commands.status import status, watch_status
from stackctl.commands.url import url
from stackctl.contracts.service import Publish
from stackctl.core.plan import plan_json
from stackctl.core.smoke.reachability import ContainerNetworking
from stackctl.errors import ConfigError, EngineError, NotReady, StackctlError
from stackctl.steps.deployed import deployed_plan, stack_name_here
from tests.commands.engines import Staged, staged
from tests.commands.machines import quiet
from tests.core.samples import a_plan
from tests.fakes import FakeDocker

QUICK = Options(prove=False, timeout_s=20)
DEMO: dict[str, object] = {"model.path": "demo", "name": "mine"}


def with_images(folder: Path) -> Staged:
    return staged(folder, published=dict.fromkeys([one.image for one in a_plan().services], "sha256:1"))


@pytest.fixture
def here(tmp_path: Path) -> Staged:
    """A folder in which a stack was deployed."""
    found = with_images(tmp_path)
    deploy(found.machine, DEMO, QUICK)
    return found


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def edit(folder: Path, change: Callable[[str], str]) -> None:
    file = folder / "stack.toml"
    text = file.read_text()
    file.write_text(change(text))
    assert file.read_text() != text


# -- written


def test_a_deploy_writes_its_plan_down_for_the_owner_alone_and_without_its_key(tmp_path: Path) -> None:
    found = with_images(tmp_path)
    done = deploy(found.machine, DEMO, QUICK)
    file = tmp_path / plan_json.FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert done.plan.key
    assert done.plan.key.reveal() not in file.read_text()
    assert deployed_plan(found.machine) == replace(done.plan, notes=())


def test_so_does_a_render(tmp_path: Path) -> None:
    machine = quiet(tmp_path).machine
    render(machine, DEMO, to_stdout=False, absolute=False, replan=False)
    assert deployed_plan(machine).name == "mine"
    assert stat.S_IMODE((tmp_path / plan_json.FILE).stat().st_mode) == 0o600


def test_a_render_to_stdout_writes_none(tmp_path: Path) -> None:
    render(quiet(tmp_path).machine, DEMO, to_stdout=True, absolute=False, replan=False)
    assert list(tmp_path.iterdir()) == []


def test_a_deploy_that_keeps_an_older_stackctls_compose_yml_writes_its_plan_down(here: Staged, tmp_path: Path) -> None:
    lock = json.loads((tmp_path / "stack.lock").read_text())
    lock["rendered"]["by"] = "0.0.1"
    (tmp_path / "stack.lock").write_text(json.dumps(lock))
    (tmp_path / plan_json.FILE).unlink()
    deploy(here.machine, {}, QUICK)
    assert "as stackctl 0.0.1 wrote it" in here.said.getvalue()
    assert json.loads((tmp_path / plan_json.FILE).read_text())["plan"]["name"] == "mine"


def test_one_that_plans_again_writes_compose_yml_itself(here: Staged, tmp_path: Path) -> None:
    lock = json.loads((tmp_path / "stack.lock").read_text())
    lock["rendered"]["by"] = "0.0.1"
    (tmp_path / "stack.lock").write_text(json.dumps(lock))
    deploy(here.machine, {}, replace(QUICK, replan=True))
    assert "as stackctl 0.0.1 wrote it" not in here.said.getvalue()
    assert json.loads((tmp_path / "stack.lock").read_text())["rendered"]["by"] == __version__


@pytest.mark.parametrize("text", ["{", '{"version": 2}', "\udcff"], ids=["damaged", "newer", "no UTF-8"])
def test_a_deploy_replaces_one_that_nobody_can_read(here: Staged, tmp_path: Path, text: str) -> None:
    (tmp_path / plan_json.FILE).write_text(text, errors="surrogateescape")
    with pytest.raises(StackctlError, match=r"plan\.json"):
        deployed_plan(here.machine)
    deploy(here.machine, {}, QUICK)
    assert deployed_plan(here.machine).name == "mine"


@pytest.mark.parametrize("version", [(28, 5, 2), (24, 0, 0), (20, 10, 5)], ids=str)
def test_a_render_after_a_deploy_writes_the_same_bytes_for_what_was_seen_of_the_engine_is_recorded(
    tmp_path: Path, version: tuple[int, ...]
) -> None:
    here = with_images(tmp_path)
    here.stage.seen, here.host.own_names = replace(here.stage.seen, version=version, has_cpu_quota=False), ("box",)
    deploy(here.machine, DEMO, QUICK)
    before = files(tmp_path)
    render(here.machine, {}, to_stdout=False, absolute=False, replan=False)
    assert files(tmp_path) == before


@pytest.mark.parametrize("spoil", [
    lambda content: content.update(folder="/elsewhere"),
    lambda content: content.update(engine={"version": "28"}),
    lambda content: content.pop("engine"),
], ids=["moved", "damaged", "older"])  # fmt: skip
def test_of_an_engine_that_is_not_recorded_for_this_folder_a_render_knows_nothing(
    here: Staged, tmp_path: Path, spoil: Callable[[dict[str, Any]], object]
) -> None:
    file = tmp_path / plan_json.FILE
    content = json.loads(file.read_text())
    spoil(content)
    file.write_text(json.dumps(content))
    assert "start_interval" not in render(here.machine, {}, to_stdout=True, absolute=False, replan=False).text


# -- read


def test_one_of_another_version_is_refused_though_it_has_all_that_this_one_knows(here: Staged, tmp_path: Path) -> None:
    file = tmp_path / plan_json.FILE
    file.write_text(json.dumps({**json.loads(file.read_text()), "version": 2}))
    says = rf"has version 2 \(stackctl {__version__} wrote it\), but this stackctl reads only version 1"
    with pytest.raises(ConfigError, match=says) as caught:
        deployed_plan(here.machine)
    assert caught.value.exit_code == 3


def test_the_key_and_the_password_of_the_stack_are_hidden_where_the_machine_is_made(tmp_path: Path) -> None:
    deploy(with_images(tmp_path).machine, DEMO, QUICK)
    (tmp_path / ".stackctl/sillytavern-password").write_text("correct-horse-battery\n")
    machine = with_images(tmp_path).machine
    text = (tmp_path / ".stackctl/api-key").read_text().strip()
    assert machine.ui.redacted(f"{text} correct-horse-battery") == "*** ***"


def test_a_damaged_key_hides_nothing_and_keeps_nobody_from_looking(here: Staged, tmp_path: Path) -> None:
    (tmp_path / ".stackctl/api-key").write_text("e\n")
    machine = with_images(tmp_path).machine
    deployed_plan(machine)
    assert machine.ui.redacted("the ready stack") == "the ready stack"
    (tmp_path / ".stackctl/api-key").unlink()
    assert status(here.machine).is_ready


def test_a_folder_that_nothing_tells_of_has_no_stack(here: Staged, tmp_path: Path) -> None:
    for name in ("compose.yml", plan_json.FILE):
        (tmp_path / name).unlink()
    for look in (deployed_plan, stack_name_here, status, lambda machine: lifecycle.stop(machine, None)):
        with pytest.raises(ConfigError, match="there is no stack in") as caught:
            look(here.machine)
        assert caught.value.hint == "Run `stackctl deploy` to make one."


class Unreachable(FakeDocker):
    """No engine."""

    def stack_folders(self) -> frozenset[tuple[str, str]]:
        raise EngineError("the container engine can't be reached")


def test_nor_is_an_engine_needed_to_say_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no stack in"):
        stack_name_here(replace(quiet(tmp_path).machine, docker=Unreachable()))


# -- what runs is seen and stopped, whatever became of the files


def as_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


UNREADABLE = "nonsense = 1\n[backend]\nno_such = 2\n"
SPOILT: dict[str, Callable[[Path], object]] = {
    "stack.toml": lambda folder: (folder / "stack.toml").write_text(UNREADABLE),
    "no stack.toml": lambda folder: (folder / "stack.toml").unlink(),
    "compose.yml": lambda folder: (folder / "compose.yml").write_text("services: ["),
    "no compose.yml": lambda folder: (folder / "compose.yml").unlink(),
    "compose.yml is a folder": lambda folder: as_folder(folder / "compose.yml"),
    "stack.lock": lambda folder: (folder / "stack.lock").write_text("{"),
    "plan.json": lambda folder: (folder / plan_json.FILE).write_text("{"),
    "plan.json is a folder": lambda folder: as_folder(folder / plan_json.FILE),
    "no plan.json": lambda folder: (folder / plan_json.FILE).unlink(),
    "newer plan.json": lambda folder: (folder / plan_json.FILE).write_text('{"version": 9, "by": "9.0"}'),
}


@pytest.mark.parametrize("also", ["stack.toml", "no plan.json"])
@pytest.mark.parametrize("first", SPOILT)
def test_what_runs_is_seen_and_stopped_whatever_became_of_two_of_the_files(
    here: Staged, tmp_path: Path, first: str, also: str
) -> None:
    here.stage.projects = frozenset({("mine", str(tmp_path)), ("other", "/elsewhere")})
    here.stage.attachments = {"id-sillytavern": ContainerNetworking(networks=(), published=())}
    SPOILT[also](tmp_path)
    if not {*also.split()} & {*first.split()} - {"no"}:  # two ways with one file
        SPOILT[first](tmp_path)
    now = status(here.machine)
    assert (now.name, [one.name for one in now.services]) == ("mine", ["llamacpp", "sillytavern"])
    for service in (None, "llamacpp"):
        assert lifecycle.stop(here.machine, service).name == "mine"
        lifecycle.logs(here.machine, service, follow=False, lines="all")
    assert lifecycle.down(here.machine, volumes=False).name == "mine"
    with pytest.raises(ConfigError, match="no service 'x'"):
        lifecycle.stop(here.machine, "x")


def test_the_name_comes_from_stack_lock_where_nothing_else_tells_it(here: Staged, tmp_path: Path) -> None:
    SPOILT["stack.toml"](tmp_path)
    SPOILT["no plan.json"](tmp_path)
    assert stack_name_here(here.machine) == "mine"
    SPOILT["stack.lock"](tmp_path)
    with pytest.raises(ConfigError, match=r"2 mistakes in stack\.toml"):
        stack_name_here(here.machine)


def test_where_the_plan_is_lost_the_engine_tells_the_address(here: Staged, tmp_path: Path) -> None:
    SPOILT["plan.json"](tmp_path)
    places = [Publish(address=one, port=8123, target=8000) for one in ("192.168.1.5", "127.0.0.1")]
    here.stage.attachments = {"id-sillytavern": ContainerNetworking(networks=(), published=tuple(places))}
    assert status(here.machine).url == "http://127.0.0.1:8123"
    assert url(here.machine).urls == ("http://192.168.1.5:8123",)
    assert "plan.json can't be read" in here.said.getvalue()
    here.stage.states_.clear()
    with pytest.raises(NotReady, match="SillyTavern does not run"):
        url(here.machine)


@pytest.mark.parametrize("change", [
    lambda text: text.replace('name = "mine"', 'name = "other"'),
    lambda text: text.replace('path = "demo"', 'path = "not-here.gguf"'),
    lambda text: text + "nonsense = [\n",
], ids=["name", "model", "broken"])  # fmt: skip
def test_what_stack_toml_says_after_the_deploy_changes_nothing_of_what_runs(
    here: Staged, tmp_path: Path, change: Callable[[str], str]
) -> None:
    before = status(here.machine)
    edit(tmp_path, change)
    assert status(here.machine) == before
    assert (before.name, before.url, before.is_ready) == ("mine", "http://127.0.0.1:8000", True)
    assert lifecycle.start(here.machine, None, again=False, timeout_s=20).url == before.url
    with pytest.raises(ConfigError, match="no service 'x'") as caught:
        lifecycle.stop(here.machine, "x")
    assert caught.value.hint == "it has: llamacpp, sillytavern"


def test_a_service_without_container_is_missing(here: Staged) -> None:
    del here.stage.states_["llamacpp"]
    now = status(here.machine)
    assert (now.missing, now.is_ready) == (("llamacpp",), False)


def test_a_watch_begins_with_what_runs_now(here: Staged) -> None:
    watching = watch_status(here.machine)
    assert next(watching) == status(here.machine)


# -- planned again


def test_a_stack_of_an_older_stackctl_is_planned_from_stack_toml_and_stack_lock_and_nothing_is_written(
    here: Staged, tmp_path: Path
) -> None:
    deployed = deployed_plan(here.machine)
    (tmp_path / plan_json.FILE).unlink()
    before, started = files(tmp_path), list(here.stage.models)
    assert replace(deployed_plan(here.machine), notes=()) == deployed
    assert status(here.machine).is_ready
    assert stack_name_here(here.machine) == "mine"
    assert files(tmp_path) == before
    assert here.stage.models == started


def test_a_copy_of_the_folder_is_a_stack_of_its_own(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    deploy(with_images(first).machine, {"model.path": "demo"}, QUICK)
    first.rename(second)
    machine = with_images(second).machine
    assert stack_name_here(machine) == "second"
    assert deployed_plan(machine).name == "second"
