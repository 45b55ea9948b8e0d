"""A stack keeps its images, whatever is decided again; `--new-images` takes those of a new stack, and says so."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.commands.deploy import Options, deploy
from stackctl.commands.diff import diff
from stackctl.commands.render import render
from stackctl.core.tavern import container as tavern
from tests.commands.engines import Staged, staged
from tests.core.samples import a_plan

NEW, PAGE = (service.image for service in a_plan().services)
OLD = "ghcr.io/ggml-org/llama.cpp:server-b9191"
OLD_PAGE = "ghcr.io/sillytavern/sillytavern:1.18.0"
DEMO = {"model.path": "demo"}
QUICK = Options(prove=False, timeout_s=20)
ANEW = replace(QUICK, new_images=True)


@pytest.fixture
def here(tmp_path: Path) -> Staged:
    """A stack that was deployed when b9191 was the newest build."""
    found = staged(tmp_path, published=dict.fromkeys((OLD, OLD_PAGE, NEW, PAGE), "sha256:1"))
    deploy(found.machine, DEMO, QUICK)
    runs(found, NEW, OLD)
    found.said.truncate(0)
    return found


def runs(here: Staged, image: str, older: str) -> None:
    """Its lock records another image for one of its services, as an older stackctl would have."""
    file = here.machine.path / "stack.lock"
    lock = json.loads(file.read_text())
    for decision in lock["decisions"].values():
        if decision["value"] == image:
            decision["value"] = older
    lock["digests"].pop(image, None)
    file.write_text(json.dumps(lock))
    deploy(here.machine, {}, QUICK)
    assert older in images(here)


def images(here: Staged) -> str:
    text = (here.machine.path / "compose.yml").read_text()
    return "\n".join(line for line in text.splitlines() if "image:" in line)


@pytest.mark.parametrize("options", [QUICK, replace(QUICK, replan=True)])
def test_neither_a_deploy_nor_replan_changes_an_image(here: Staged, options: Options) -> None:
    before = images(here)
    deploy(here.machine, {}, options)
    assert images(here) == before
    assert "runs llama.cpp b9191; a new one would get b11459" in here.said.getvalue()
    assert NEW not in here.images.done[-1]


def test_new_images_takes_them_and_says_what_changes(here: Staged) -> None:
    port = a_plan().url
    deploy(here.machine, {}, ANEW)
    assert NEW in images(here)
    said = here.said.getvalue()
    assert f"another image for llamacpp: {OLD}@sha256:1 (b9191) -> {NEW} (b11459)" in said
    assert "SillyTavern keeps its image, and the chats stay as they are" in said
    assert deploy(here.machine, {}, QUICK).plan.url == port
    assert "a new one would get" not in here.said.getvalue().replace(said, "")


def test_where_sillytavern_gets_another_image_its_data_is_said_to_be_copied_first(here: Staged) -> None:
    runs(here, PAGE, OLD_PAGE)
    done = deploy(here.machine, {}, replace(ANEW, dry_run=True))
    assert done.plan.sillytavern.image.startswith(tavern.IMAGE)
    said = here.said.getvalue()
    assert f"another image for sillytavern: {OLD_PAGE}@sha256:1 -> {PAGE}" in said
    assert "SillyTavern's data is copied before its new image starts, and the chats stay" in said
    assert OLD_PAGE in images(here)


def test_where_there_is_nothing_newer_that_is_said(here: Staged) -> None:
    deploy(here.machine, {}, ANEW)
    before = images(here)
    here.said.truncate(0)
    deploy(here.machine, {}, ANEW)
    assert images(here) == before
    assert "no newer image is known: the stack keeps those that it has" in here.said.getvalue()


def test_a_new_stack_gets_them_without_a_word(tmp_path: Path) -> None:
    new = staged(tmp_path, published=dict.fromkeys((NEW, PAGE), "sha256:1"))
    deploy(new.machine, DEMO, replace(ANEW, dry_run=True))
    assert "image" not in new.said.getvalue()


def test_diff_and_render_show_it_too(here: Staged) -> None:
    assert "+    image:" not in diff(here.machine, {}, replan=True).text
    assert f'+    image: "{NEW}"' in diff(here.machine, {}, new_images=True).text
    text = render(here.machine, {}, to_stdout=True, absolute=False, replan=False, new_images=True).text
    assert NEW in text
    assert here.said.getvalue().count("another image for llamacpp") == 2
    assert OLD in images(here)


def test_what_is_written_in_stack_toml_stays(here: Staged) -> None:
    deploy(here.machine, {"backend.image": OLD}, QUICK)
    here.said.truncate(0)
    deploy(here.machine, {}, ANEW)
    assert OLD in images(here)
    assert "no newer image is known" in here.said.getvalue()
