"""SillyTavern's data is copied aside before another image of it may change it."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.errors import DoesNotFit
from stackctl.steps.keep_data import keep_data
from tests.commands.engines import container
from tests.commands.machines import Quiet, quiet
from tests.core.samples import a_plan, seen
from tests.fakes import owner_here

CHAT = "data/default-user/chats/Ann/one.jsonl"


def stack(folder: Path, *, ran: str, now: str, state: str = "running") -> tuple[Quiet, Plan]:
    """A stack with a chat, whose SillyTavern ran one image and is to run another."""
    here, plan = quiet(folder), a_plan(world=seen(owner=owner_here(folder)))
    for name, text in {CHAT: "hello", "config/config.yaml": "a: 1", "data/_cache/x": "made anew"}.items():
        (folder / "sillytavern" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "sillytavern" / name).write_text(text)
    os.utime(folder / "sillytavern" / CHAT, (1, 1))
    here.docker.images.ids = {plan.sillytavern.image: now}
    here.docker.states_ = {tavern.NAME: replace(container(tavern.NAME, state=state), image_id=ran)}
    return here, plan


def test_another_image_gets_the_data_once_a_copy_of_it_lies_beside(tmp_path: Path) -> None:
    here, plan = stack(tmp_path, ran="sha256:old", now="sha256:new")
    kept = keep_data(plan, here.machine)
    assert kept == tmp_path / "sillytavern.kept-1"
    assert (kept / CHAT).read_text() == "hello"
    assert (kept / CHAT).stat().st_mtime == 1
    assert (kept / CHAT).stat().st_ino != (tmp_path / "sillytavern" / CHAT).stat().st_ino
    assert sorted(one.name for one in kept.rglob("*") if one.is_file()) == ["config.yaml", "one.jsonl"]
    assert here.docker.asked == [f"stop id-{tavern.NAME}"]
    assert "sillytavern.kept-1: delete it once you are satisfied" in here.said.getvalue()
    (tmp_path / "sillytavern" / CHAT).write_text("changed")
    assert (kept / CHAT).read_text() == "hello"


def test_the_same_image_is_no_reason_and_neither_is_one_of_which_nothing_is_known(tmp_path: Path) -> None:
    here, plan = stack(tmp_path, ran="sha256:old", now="sha256:old")
    assert keep_data(plan, here.machine) is None
    here.docker.images.ids = {plan.sillytavern.image: "sha256:new"}
    here.docker.states_.clear()
    assert keep_data(plan, here.machine) is None
    assert here.docker.asked == []


def test_without_room_it_is_refused_before_anything_is_stopped(tmp_path: Path) -> None:
    here, plan = stack(tmp_path, ran="sha256:old", now="sha256:new")
    with (tmp_path / "sillytavern/data/huge").open("wb") as file:
        file.truncate(1 << 43)
    with pytest.raises(DoesNotFit, match="the copy takes") as caught:
        keep_data(plan, here.machine)
    assert "keep sillytavern.image as it is" in caught.value.hint
    assert here.docker.asked == []
    assert not list(tmp_path.glob("sillytavern.kept-*"))


def test_what_an_interrupted_copy_left_is_made_anew(tmp_path: Path) -> None:
    here, plan = stack(tmp_path, ran="sha256:old", now="sha256:new", state="exited")
    (tmp_path / ".sillytavern.copying").mkdir()
    (tmp_path / ".sillytavern.copying/half").write_text("x")
    kept = keep_data(plan, here.machine)
    assert kept
    assert not (kept / "half").exists()
    assert not (tmp_path / ".sillytavern.copying").exists()
    assert here.docker.asked == []
