"""Which image a new stack gets, and how another build is chosen and kept."""

from dataclasses import replace
from typing import Any

import pytest

from stackctl.backends import llamacpp
from stackctl.core.config.lock import Lock
from stackctl.core.config.spec import Spec
from stackctl.core.observed import Observed
from stackctl.core.plan.images import forget_images
from stackctl.core.plan.plan import forget_decisions
from stackctl.errors import ConfigError
from tests.core.samples import GPU, a_plan, backend_of, decided, seen, wanted


def refusal(spec: Spec) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        a_plan(spec)
    return caught.value


def on_nvidia(*cuda: int) -> Observed:
    return seen(gpus=(replace(GPU, cuda=cuda),))


@pytest.mark.parametrize(
    ("world", "gpu", "holds"),
    [
        (seen(), "none", "server-b11459@sha256:"),
        (on_nvidia(12, 8), "nvidia", "server-cuda-b11459@sha256:"),
        (on_nvidia(13, 3), "nvidia", "server-cuda-b11459@sha256:"),
        (on_nvidia(13, 4), "nvidia", "server-cuda-b11459@sha256:"),
        (on_nvidia(), "nvidia", "server-cuda-b11459@sha256:"),
    ],
)
def test_a_new_stack_gets_the_newest_build_on_every_driver(world: Observed, gpu: str, holds: str) -> None:
    assert holds in backend_of(a_plan(wanted(gpu={"mode": gpu}), world)).image


@pytest.mark.parametrize(
    ("gpu", "build", "image"),
    [
        ("none", "b9191", "ghcr.io/ggml-org/llama.cpp:server-b9191"),
        ("nvidia", "b9191", "ghcr.io/ggml-org/llama.cpp:server-cuda-b9191"),
        ("none", "debian", "localhost/stackctl/llamacpp:debian"),
    ],
)
def test_the_build_that_stack_toml_names_is_taken(gpu: str, build: str, image: str) -> None:
    assert backend_of(a_plan(wanted(backend={"build": build}, gpu={"mode": gpu}))).image == image


@pytest.mark.parametrize(
    ("spec", "known"),
    [
        ({"backend": {"build": "b1"}}, "b9191, b11459, debian"),
        ({"backend": {"build": "b1"}, "gpu": {"mode": "nvidia"}}, "b9191, b11277, b11459"),
        ({"backend": {"build": "b11277"}}, "b9191, b11459, debian"),
        ({"backend": {"build": "b9191"}, "images": "own"}, "b9191, b11459, debian"),
        ({"backend": {"kind": "koboldcpp", "build": "b9191"}}, "1.122.1"),
    ],
)
def test_a_build_without_an_image_is_refused_with_those_that_have_one(spec: dict[str, Any], known: str) -> None:
    error = refusal(wanted(**spec))
    assert error.exit_code == 3
    assert error.message.startswith("backend.build: ")
    assert error.hint.startswith(f"Set it to one of {known}, or")


def test_a_backend_whose_tags_move_has_no_builds_to_choose_from() -> None:
    error = refusal(wanted(backend={"kind": "textgen", "build": "1"}))
    assert error.hint == "Set `backend.image` instead."


def test_koboldcpp_s_build_is_that_of_its_program() -> None:
    assert a_plan(wanted(backend={"kind": "koboldcpp", "build": "1.122.1"})).program.startswith("1.122.1/")


OLD = "ghcr.io/ggml-org/llama.cpp:server-b9191"


def of_an_older_stackctl() -> Lock:
    """The lock of a stack on the CPU that was deployed when b9191 was the newest build."""
    lock = decided().lock
    decision = replace(lock.decisions["llamacpp.image"], value=OLD)
    return replace(lock, decisions={**lock.decisions, "llamacpp.image": decision})


def test_a_stack_keeps_its_image_and_says_that_there_is_a_newer_one() -> None:
    lock = of_an_older_stackctl()
    got = decided(recorded=lock).plan
    assert backend_of(got).image == OLD
    assert backend_of(got).image_is == "unverified"
    (note,) = [one for one in got.notes if "--new-images" in one]
    assert note == (
        "this stack runs llama.cpp b9191; a new one would get b11459, which `stackctl deploy --new-images` takes"
    )
    assert "--new-images" not in "".join(decided().plan.notes)
    chosen = decided(wanted(backend={"build": "b9191"})).plan
    assert "--new-images" not in "".join(chosen.notes)


def test_replan_decides_all_but_images_again_and_new_images_decides_those_alone() -> None:
    lock = of_an_older_stackctl()
    assert "b9191" in backend_of(decided(recorded=forget_decisions(lock)).plan).image
    again = decided(recorded=forget_images(lock))
    assert "b11459" in backend_of(again.plan).image
    assert again.lock.decisions.keys() == lock.decisions.keys()


@pytest.mark.parametrize("world", [on_nvidia(13, 4), on_nvidia(14, 0), on_nvidia()])
def test_a_build_for_cuda_13_is_taken_where_the_driver_may_know_that(world: Observed) -> None:
    spec = wanted(backend={"build": "b11277"}, gpu={"mode": "nvidia"})
    assert "server-cuda13-b11277@sha256:" in backend_of(a_plan(spec, world)).image


def test_a_build_that_the_driver_does_not_start_is_refused() -> None:
    spec = wanted(backend={"build": "b11277"}, gpu={"mode": "nvidia"})
    with pytest.raises(ConfigError) as caught:
        a_plan(spec, on_nvidia(13, 3))
    assert caught.value.hint.startswith("Set it to one of b9191, b11459, or")


def test_an_image_that_the_driver_no_longer_starts_is_chosen_again() -> None:
    lock, spec = of_an_older_stackctl(), wanted(gpu={"mode": "nvidia"})
    newer = next(one.name for one in llamacpp.IMAGES["cuda"] if one.cuda)
    decision = replace(decided(spec, on_nvidia(13, 4)).lock.decisions["llamacpp.image"], value=newer)
    lock = replace(lock, decisions={"llamacpp.image": decision})
    assert backend_of(decided(spec, on_nvidia(13, 4), lock).plan).image == newer
    assert backend_of(decided(spec, on_nvidia(), lock).plan).image == newer  # its driver is unknown
    assert "server-cuda-b11459" in backend_of(decided(spec, on_nvidia(12, 9), lock).plan).image
