"""Images run by the digest that stack.lock records, and `--locked` refuses whatever differs from that file."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from stackctl.cli import main
from stackctl.commands.deploy import Options, deploy
from stackctl.commands.diff import diff
from stackctl.commands.smoke.run import Options as Checks
from stackctl.commands.smoke.up import Up, smoke_up
from stackctl.core.model.demo_model import gguf_bytes
from stackctl.errors import ConfigError, EngineError
from tests.commands.engines import Staged, staged
from tests.commands.machines import quiet
from tests.core.samples import a_plan, wanted
from tests.fakes import hub_at
from tests.hub.server import Hub as Server
from tests.hub.server import running

BUILD: dict[str, object] = {"backend.build": "b9191"}
TAGGED = {"model.path": "demo", **BUILD}  # the tag's digest is recorded at its first pull
BACKEND, PAGE = (service.image for service in a_plan(wanted(backend={"build": "b9191"})).services)
DEMO = {"model.path": "demo"}
NEWEST = a_plan().services[0].image
QUICK = Options(prove=False, timeout_s=20)
LOCKED = replace(QUICK, locked="all")
FILE = "Tiny-Q4_K_M.gguf"


@pytest.fixture
def here(tmp_path: Path) -> Staged:
    return staged(tmp_path, published={BACKEND: "sha256:1", NEWEST: "sha256:1", PAGE: "sha256:1"})


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as hub:
        yield hub


def lock(folder: Path) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads((folder / "stack.lock").read_text())
    return found


def refused(here: Staged, flags: dict[str, object]) -> str:
    """What a locked deploy says, which changes nothing."""
    folder = here.machine.path
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    done = list(here.images.done), list(here.stage.models)
    with pytest.raises(ConfigError) as caught:
        deploy(here.machine, flags, LOCKED)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert (here.images.done, here.stage.models) == done
    assert caught.value.hint
    return caught.value.message


def test_a_tag_that_moved_changes_nothing_until_new_images_takes_it(here: Staged, tmp_path: Path) -> None:
    deploy(here.machine, TAGGED, QUICK)
    text = (tmp_path / "compose.yml").read_text()
    assert f'image: "{BACKEND}@sha256:1"' in text
    here.images.here |= {f"{BACKEND}@sha256:1": "sha256:1", BACKEND: "sha256:2"}  # `docker pull` by hand
    deploy(here.machine, {}, QUICK)
    assert (tmp_path / "compose.yml").read_text() == text
    assert "Run `stackctl deploy --new-images` to take the new one" in here.said.getvalue()
    deploy(here.machine, {}, replace(QUICK, replan=True))
    assert f'image: "{BACKEND}@sha256:1"' in (tmp_path / "compose.yml").read_text()
    assert diff(here.machine, {}, replan=True).text == ""
    assert f'+    image: "{BACKEND}@sha256:2"' in diff(here.machine, {}, new_images=True).text
    deploy(here.machine, {}, replace(QUICK, new_images=True))
    assert lock(tmp_path)["digests"] == {BACKEND: "sha256:2", PAGE: "sha256:1"}
    assert f'image: "{BACKEND}@sha256:2"' in (tmp_path / "compose.yml").read_text()


def test_another_machine_pulls_what_is_recorded_and_not_what_the_tag_means_there(here: Staged) -> None:
    deploy(here.machine, TAGGED, QUICK)
    here.images.here.clear()
    here.images.published = {f"{BACKEND}@sha256:1": "sha256:1", BACKEND: "sha256:2", PAGE: "sha256:1"}
    deploy(here.machine, {}, LOCKED)
    assert here.images.done[-2:] == [f"pull {BACKEND}@sha256:1", f"pull {PAGE}@sha256:1"]
    del here.images.published[f"{BACKEND}@sha256:1"]
    here.images.here.clear()
    with pytest.raises(EngineError, match=r"stack\.lock records this digest"):
        deploy(here.machine, {}, QUICK)  # images = "auto" has one of ours, which is not what is recorded


def test_locked_deploys_what_is_recorded(here: Staged, tmp_path: Path) -> None:
    deploy(here.machine, DEMO, QUICK)
    before = lock(tmp_path)
    assert deploy(here.machine, {}, LOCKED).ready_s is not None
    assert lock(tmp_path) == before
    assert before["model"] == {
        "files": {"stackctl-demo.gguf": {"bytes": len(gguf_bytes()), "sha256": ""}},
        "revision": "",
    }


def test_without_a_stack_lock_locked_refuses_before_it_looks_for_anything(here: Staged) -> None:
    assert "there is no stack.lock in" in refused(here, {})
    assert here.stage.asked == []


def test_another_setting_or_image_is_refused_by_name_before_anything_is_touched(here: Staged) -> None:
    deploy(here.machine, DEMO, QUICK)
    assert "backend.context was 8192, would be 4096" in refused(here, {"backend.context": 4096})
    said = refused(here, {"images": "own"})
    assert f'llamacpp.image was "{NEWEST}", would be "localhost/stackctl/llamacpp:debian"' in said
    assert "the digest of mine:1 was not recorded" in refused(here, {"backend.image": "mine:1"})


def test_another_stackctl_is_refused(here: Staged, tmp_path: Path) -> None:
    deploy(here.machine, DEMO, QUICK)
    file = tmp_path / "stack.lock"
    file.write_text(file.read_text().replace('"by": "', '"by": "0.'))
    assert "stackctl was 0." in refused(here, {})


def test_a_models_file_is_recorded_by_its_sha256_and_held_to_it_before_it_is_fetched(
    here: Staged, tmp_path: Path, server: Server
) -> None:
    server.add("owner/tiny", {FILE: gguf_bytes()})
    here.machine.hub = hub_at(server.url)
    deploy(here.machine, {"model.path": "auto", "model.source": "hf:owner/tiny:Q4_K_M"}, QUICK)
    recorded = lock(tmp_path)["model"]
    assert recorded["revision"]
    assert isinstance(recorded["files"], dict)
    assert len(recorded["files"][FILE]["sha256"]) == 64
    deploy(here.machine, {}, LOCKED)
    library = here.machine.storage.library
    for kept in library.kept():
        library.path(kept.place).unlink()
        library.path(kept.record).unlink()
    deploy(here.machine, {}, LOCKED)  # on another machine: fetched again, the same
    for kept in library.kept():
        library.path(kept.place).unlink()
        library.path(kept.record).unlink()
    server.add("owner/tiny", {FILE: gguf_bytes() + b"\0"})
    here.machine.hub = hub_at(server.url)
    said = refused(here, {})
    assert f"the model's file {FILE} was sha256:{recorded['files'][FILE]['sha256']}" in said


def test_a_smoke_stack_is_held_to_the_lock_of_another_folder_but_for_where_it_lies(
    here: Staged, tmp_path: Path
) -> None:
    deploy(here.machine, TAGGED, QUICK)
    here.images.here |= {BACKEND: "sha256:2", f"{BACKEND}@sha256:1": "sha256:1"}
    up = Up(home=tmp_path / "stackctl-smoke", locks=tmp_path / "locks", name="job", locked=tmp_path / "stack.lock")
    checks = Checks(only=("services",), timeout_s=20)
    here.stage.states_.clear()
    assert smoke_up(here.machine, BUILD, up, checks).exit_code == 0
    smoked = smoke_up(here.machine, BUILD | {"backend.context": 4096}, up, checks)
    assert "backend.context was 8192, would be 4096" in smoked.outcomes[0].says
    assert smoked.exit_code == 3
    smoked = smoke_up(here.machine, {}, replace(up, locked=tmp_path / "none.lock"), checks)
    assert f"there is no file {tmp_path / 'none.lock'}" in smoked.outcomes[0].says


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--locked",), 3, "there is no stack.lock in"),
        (("--locked", "--yes"), 3, "there is no stack.lock in"),
        (("--locked", "--dry-run"), 3, "there is no stack.lock in"),
        (("--locked", "--replan"), 2, "--locked and --replan exclude each other"),
        (("--locked", "--new-images"), 2, "--locked and --new-images exclude each other"),
    ],
)
def test_in_an_empty_folder_locked_asks_nothing_and_proposes_no_model(
    tmp_path: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    done = CliRunner().invoke(main, ["-C", str(tmp_path), "deploy", *words], obj=lambda *_: quiet(tmp_path).machine)
    assert (done.exit_code, says in done.stderr) == (code, True)
    assert list(tmp_path.iterdir()) == []
