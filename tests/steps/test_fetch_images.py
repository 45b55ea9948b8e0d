"""Images: ours only after a failed pull and only where the user named none; digests of the first pull."""

import io
from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.core.config.lock import Lock
from stackctl.core.plan.plan import plan
from stackctl.core.tavern import container as tavern
from stackctl.errors import EngineError
from stackctl.machine import Machine
from stackctl.steps.fetch_images import fetch_images, forget_built, newest_digests, with_digests
from tests.commands.machines import quiet
from tests.core.samples import a_plan, decided, seen, wanted
from tests.fakes import FakeImages

OFFICIAL = [service.image for service in a_plan().services]
TAGGED = wanted(backend={"build": "b9191"})  # the others are named with their digest
BY_TAG = [service.image for service in a_plan(TAGGED).services]


def machine(folder: Path, images: FakeImages) -> tuple[Machine, io.StringIO]:
    here = quiet(folder)
    here.docker.images = images
    return here.machine, here.said


def test_what_is_here_is_neither_pulled_nor_built(tmp_path: Path) -> None:
    images = FakeImages(here=dict.fromkeys(OFFICIAL, "sha256:1"))
    before = decided()
    assert fetch_images(before.plan, wanted(), before.lock, machine(tmp_path, images)[0]) == before.lock
    assert images.done == []
    assert images.asked == OFFICIAL


def test_official_images_are_pulled_where_a_registry_has_them(tmp_path: Path) -> None:
    images = FakeImages(published=dict.fromkeys(OFFICIAL, "sha256:1"))
    before = decided()
    assert fetch_images(before.plan, wanted(), before.lock, machine(tmp_path, images)[0]) == before.lock
    assert images.done == [f"pull {name}" for name in OFFICIAL]


def test_after_a_failed_pull_ours_is_built_said_and_recorded_and_only_images_differ(tmp_path: Path) -> None:
    images = FakeImages()
    before = decided()
    here, said = machine(tmp_path, images)
    after = plan(wanted(), seen(), fetch_images(before.plan, wanted(), before.lock, here)).plan
    assert [service.image for service in after.services] == [
        "localhost/stackctl/llamacpp:debian",
        tavern.OWN_IMAGE,
    ]
    assert images.done == [f"build {service.image}" for service in after.services]
    assert said.getvalue().count("using stackctl's own image instead") == 2
    assert [replace(s, image="", image_is="own") for s in after.services] == [
        replace(s, image="", image_is="own") for s in before.plan.services
    ]


def test_an_image_that_the_user_named_is_never_replaced(tmp_path: Path) -> None:
    spec = wanted(backend={"image": "mine:1"})
    before = decided(spec)
    with pytest.raises(EngineError, match="mine:1"):
        fetch_images(before.plan, spec, before.lock, machine(tmp_path, FakeImages())[0])


def test_where_only_official_images_may_run_none_of_ours_is_built(tmp_path: Path) -> None:
    for spec in (wanted(images="official"), wanted(sillytavern={"image": "mine:2"}, images="auto")):
        before, images = decided(spec), FakeImages(published={OFFICIAL[0]: "sha256:1"})
        with pytest.raises(EngineError, match="can't be pulled"):
            fetch_images(before.plan, spec, before.lock, machine(tmp_path, images)[0])
        assert images.done == [f"pull {OFFICIAL[0]}"]


def test_another_build_is_offered_where_the_newest_is_not_to_be_had(tmp_path: Path) -> None:
    spec = wanted(gpu={"mode": "nvidia"})
    before = decided(spec)
    with pytest.raises(EngineError, match="can't be pulled") as caught:
        fetch_images(before.plan, spec, before.lock, machine(tmp_path, FakeImages())[0])
    assert caught.value.hint == 'go online Set `backend.build = "b9191"` in stack.toml to take another build.'


def test_a_build_that_was_chosen_is_replaced_by_none_of_ours(tmp_path: Path) -> None:
    before, images = decided(TAGGED), FakeImages()
    with pytest.raises(EngineError, match="server-b9191 can't be pulled") as caught:
        fetch_images(before.plan, TAGGED, before.lock, machine(tmp_path, images)[0])
    assert (caught.value.hint, images.done) == ("go online", [])


def test_ours_is_not_built_again_where_it_is_here(tmp_path: Path) -> None:
    images = FakeImages(here={tavern.OWN_IMAGE: "sha256:3"}, published={OFFICIAL[0]: "sha256:1"})
    before = decided()
    lock = fetch_images(before.plan, wanted(), before.lock, machine(tmp_path, images)[0])
    assert lock.decisions["sillytavern.image"].value == tavern.OWN_IMAGE
    assert images.done == [f"pull {OFFICIAL[0]}"]


def test_where_ours_are_wanted_they_are_built_and_nothing_is_pulled(tmp_path: Path) -> None:
    spec, images = wanted(images="own"), FakeImages()
    before = decided(spec)
    here, said = machine(tmp_path, images)
    assert fetch_images(before.plan, spec, before.lock, here) == before.lock
    assert images.done == [f"build {service.image}" for service in before.plan.services]
    assert said.getvalue().count("built localhost/stackctl/") == 2


def test_the_first_digest_is_recorded_and_a_tag_that_moved_is_said(tmp_path: Path) -> None:
    images = FakeImages(here=dict.fromkeys(BY_TAG, "sha256:1"))
    here, said = machine(tmp_path, images)
    lock = with_digests(decided(TAGGED).plan, Lock(), here)
    assert lock.digests == dict.fromkeys(BY_TAG, "sha256:1")
    assert said.getvalue() == ""
    images.here[BY_TAG[0]] = "sha256:2"
    assert with_digests(decided(TAGGED).plan, lock, here).digests == lock.digests
    assert said.getvalue().count("(was sha256:1, is sha256:2)") == 1


def test_an_image_that_is_named_with_its_digest_needs_no_record(tmp_path: Path) -> None:
    images = FakeImages(here=dict.fromkeys(OFFICIAL, "sha256:1"))
    assert with_digests(decided().plan, Lock(), machine(tmp_path, images)[0]).digests == {OFFICIAL[1]: "sha256:1"}


def recorded(digest: str = "sha256:1") -> Lock:
    return Lock(digests=dict.fromkeys(BY_TAG, digest))


def test_a_recorded_image_runs_by_its_digest_wherever_its_tag_points() -> None:
    services = plan(TAGGED, seen(), recorded()).plan.services
    assert [service.image for service in services] == [f"{name}@sha256:1" for name in BY_TAG]
    named = wanted(backend={"image": "mine:1@sha256:9"})
    assert plan(named, seen(), recorded()).plan.services[0].image == "mine:1@sha256:9"


def test_a_recorded_image_that_is_gone_is_pulled_by_its_digest_and_by_nothing_else(tmp_path: Path) -> None:
    before = plan(TAGGED, seen(), recorded())
    images = FakeImages(here=dict.fromkeys(BY_TAG, "sha256:2"), published=dict.fromkeys(BY_TAG, "sha256:1"))
    fetch_images(before.plan, TAGGED, before.lock, machine(tmp_path, images)[0])
    assert images.done == [f"pull {name}@sha256:1" for name in BY_TAG]
    images = FakeImages(here=dict.fromkeys(BY_TAG, "sha256:2"), published=dict.fromkeys(BY_TAG, "sha256:2"))
    with pytest.raises(EngineError, match=r"@sha256:1 .* \(stack\.lock records this digest\)") as caught:
        fetch_images(before.plan, TAGGED, before.lock, machine(tmp_path, images)[0])
    assert f"`stackctl deploy --new-images` to take what {BY_TAG[0]} means now" in caught.value.hint
    assert images.done == []


def test_what_a_tag_means_here_now_is_what_new_images_takes(tmp_path: Path) -> None:
    images = FakeImages(here={BY_TAG[0]: "sha256:2"})
    assert newest_digests(recorded(), machine(tmp_path, images)[0]).digests == {BY_TAG[0]: "sha256:2"}


def test_an_image_that_was_built_here_is_recorded_by_no_digest_and_an_older_record_of_one_goes(tmp_path: Path) -> None:
    images = FakeImages(here=dict.fromkeys(BY_TAG, "sha256:1"), built={BY_TAG[0]})
    here = machine(tmp_path, images)[0]
    assert with_digests(decided(TAGGED).plan, Lock(), here).digests == {BY_TAG[1]: "sha256:1"}
    older = plan(TAGGED, seen(), recorded())
    assert forget_built(older.plan, older.lock, here).digests == {BY_TAG[1]: "sha256:1"}
    images.built.clear()
    assert forget_built(older.plan, older.lock, here).digests == recorded().digests
