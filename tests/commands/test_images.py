"""Images of a stack, and the building of ours; a new stack.toml."""

from pathlib import Path

import pytest

from stackctl.commands.images import build, images_here
from stackctl.commands.init import init
from stackctl.core.plan.images import OWN
from stackctl.core.tavern import container as tavern
from stackctl.errors import ConfigError
from stackctl.steps.config_request import load_config
from tests.commands.machines import quiet
from tests.core.samples import a_plan

BACKEND, PAGE = (service.image for service in a_plan().services)


def test_the_images_of_the_stack_are_shown_with_what_is_here(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    here.docker.images.here = {PAGE: "sha256:7"}
    found = images_here(here.machine, {"model.path": "demo"})
    assert [(one.service, one.name, one.digest) for one in found] == [
        ("llamacpp", BACKEND, ""),
        ("sillytavern", PAGE, "sha256:7"),
    ]
    assert {one.kind for one in found} <= {"tried", "unverified"}
    ours = images_here(here.machine, {"model.path": "demo", "images": "own"})
    assert [one.kind for one in ours] == ["own", "own"]


def test_ours_are_built_by_short_name_or_all_of_them(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    assert list(build(here.machine, ("sillytavern",))) == [tavern.OWN_IMAGE]
    assert here.docker.images.done == [f"build {tavern.OWN_IMAGE}"]
    assert list(build(here.machine, ())) == list(OWN)


def test_an_unknown_one_is_refused_before_any_is_built(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    with pytest.raises(ConfigError, match="stackctl has no image called x, y") as caught:
        list(build(here.machine, ("sillytavern", "x", "y")))
    assert "sillytavern" in caught.value.hint
    assert here.docker.images.done == []


def test_init_writes_an_explained_stack_toml_once(tmp_path: Path) -> None:
    machine = quiet(tmp_path).machine
    assert init(machine, {"name": "mine"}) == f"{tmp_path}/stack.toml"
    text = (tmp_path / "stack.toml").read_text()
    assert load_config(machine, {}).spec.name == "mine"
    assert "/.stackctl/\n" in (tmp_path / ".gitignore").read_text()
    with pytest.raises(ConfigError, match="already exists"):
        init(machine, {"name": "other"})
    assert (tmp_path / "stack.toml").read_text() == text
