"""Pulling: progress, the registry's refusals in our words, and a disk that is too small."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker.errors
import pytest

from stackctl.core.plan.images import OWN
from stackctl.effects.docker.images import Images
from stackctl.errors import DoesNotFit, EngineError

GIB = 1 << 30


class FakeEngine:
    """An engine whose pull says what it is told to."""

    def __init__(self, *events: dict[str, Any] | Exception) -> None:
        self.events = events
        self.client = self
        self.api = self
        self.pulled: list[str] = []
        self.here: dict[str, list[str]] = {}  # name -> RepoDigests

    def pull(self, name: str, **_: object) -> Iterator[dict[str, Any]]:
        self.pulled.append(name)
        for event in self.events:
            if isinstance(event, Exception):
                raise event
            yield event

    def inspect_image(self, name: str) -> dict[str, Any]:
        if name not in self.here:
            raise docker.errors.NotFound(name)
        return {"Id": "sha256:id", "RepoDigests": self.here[name]}

    def images(self, name: str) -> list[str]:
        return ["an older one"] if name == "kept" else []


def downloading(layer: str, current: int, total: int) -> dict[str, Any]:
    return {"id": layer, "status": "Downloading", "progressDetail": {"current": current, "total": total}}


def images(*events: dict[str, Any] | Exception, free: int | None = None) -> tuple[Images, list[str]]:
    said: list[str] = []
    return Images(FakeEngine(*events), Path, said.append, lambda: free, lambda _: None), said


def test_progress_adds_up_the_layers() -> None:
    pulled, said = images(
        downloading("a", 10 << 20, 30 << 20),
        downloading("b", 5 << 20, 20 << 20),
        {"id": "a", "status": "Download complete", "progressDetail": {}},
    )
    pulled.pull("x:1")
    assert said[-1] == "pulling x:1: 35 of 50 MiB, 2 layers"


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ({"error": "manifest unknown"}, "the registry has no image x:1"),
        ({"error": "write /var: no space left on device"}, "no disk space to pull x:1"),
        (docker.errors.APIError("lookup registry: no such host"), "the image x:1 can't be pulled"),
        (docker.errors.NotFound("pull access denied"), "the registry has no image x:1"),
    ],
)
def test_a_refusal_is_told_in_plain_words(event: dict[str, Any] | Exception, says: str) -> None:
    pulled, _ = images(event)
    with pytest.raises(EngineError) as caught:
        pulled.pull("x:1")
    assert caught.value.message.startswith(says)
    assert caught.value.hint


def test_a_pull_that_the_disk_can_not_hold_is_stopped_when_the_sizes_are_known() -> None:
    pulled, said = images(downloading("a", 0, 1 * GIB), downloading("b", 0, 2 * GIB), free=8 * GIB)
    with pytest.raises(DoesNotFit, match="9216 MiB"):
        pulled.pull("x:1")
    assert said[-1] == "pulling x:1: 0 of 3072 MiB, 2 layers"


def test_a_pull_that_fits_goes_on() -> None:
    pulled, _ = images(downloading("a", 0, 1 * GIB), free=4 * GIB)
    pulled.pull("x:1")


def test_an_absent_image_has_neither_digest_nor_id() -> None:
    assert images()[0].digest("x:1") is None
    assert images()[0].id("x:1") == ""


@pytest.mark.parametrize(
    ("name", "digests", "expected"),
    [
        ("koboldai/koboldcpp:latest", ["koboldai/koboldcpp@sha256:1"], "sha256:1"),
        ("koboldai/koboldcpp", ["docker.io/koboldai/koboldcpp@sha256:1"], "sha256:1"),  # as Podman writes it
        ("docker.io/library/debian:12", ["debian@sha256:1"], "sha256:1"),
        ("localhost:5000/x:1", ["other/x@sha256:1", "localhost:5000/x@sha256:2"], "sha256:2"),
        ("mine:1", ["debian@sha256:1"], ""),  # debian with a tag of the user's own
        ("mine:1", [], ""),  # built here
    ],
)
def test_only_the_digest_of_an_images_own_repository_is_one_to_pull_it_by(
    name: str, digests: list[str], expected: str
) -> None:
    engine = FakeEngine()
    engine.here = {name: digests}
    assert Images(engine, Path, print, lambda: None, lambda _: None).pulled_digest(name) == expected


def test_beside_a_digest_the_tag_is_not_sent() -> None:
    engine = FakeEngine()
    Images(engine, Path, print, lambda: None, lambda _: None).pull("localhost:5000/x:1@sha256:ab")
    assert engine.pulled == ["localhost:5000/x@sha256:ab"]


def test_our_own_names_can_never_be_pulled_from_a_public_registry() -> None:
    assert all(name.startswith("localhost/") for name in OWN)


def room(*names: str, free: int | None, sizes: dict[str, int]) -> None:
    Images(FakeEngine(), Path, lambda _: None, lambda: free, sizes.get).check_room(names)


def test_images_that_do_not_fit_together_are_refused_before_any_is_pulled() -> None:
    sizes = {"x:1": 2 * GIB, "y:1": 1 * GIB}
    room("x:1", "y:1", free=9 * GIB, sizes=sizes)
    with pytest.raises(DoesNotFit, match="x:1 and y:1: about 9216 MiB are needed") as caught:
        room("x:1", "y:1", free=9 * GIB - 1, sizes=sizes)
    assert "docker image prune" in caught.value.hint


def test_what_can_not_be_known_beforehand_refuses_nothing() -> None:
    room("x:1", free=1, sizes={})
    room("x:1", free=None, sizes={"x:1": GIB})
    room("kept:2", free=1, sizes={"kept:2": GIB})  # another version is here, whose layers it may share
    room(*OWN, free=1, sizes=dict.fromkeys(OWN, GIB))  # never pulled
