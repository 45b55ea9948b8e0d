"""A new stack's context takes memory that stays free otherwise: it moves nothing, and leaves what is reserved."""

from dataclasses import replace
from typing import Any

import pytest

from stackctl.backends import llamacpp
from stackctl.contracts.host import ReadSpeed
from stackctl.core.fit import Shape
from stackctl.core.fit.choice import Choice, Room, Wanted, choose
from stackctl.core.fit.speed import Bandwidths, of_ram
from tests.core.fit.test_choice import EIGHT
from tests.shapes import families


def room(*gpus: int, ram: int = 64_000, **more: Any) -> Room:
    return Room(gpus_mib=gpus, totals_mib=gpus, ram_mib=ram, **more)


def chosen(where: Room, of: Shape = EIGHT, **more: Any) -> Choice:
    device: Any = "cuda" if where.gpus_mib else "cpu"
    return choose(of, Wanted(slots=1, device=device, **more), llamacpp.MEMORY, where)


@pytest.mark.parametrize(("mib", "context"), [(7_000, 8192), (8_000, 16_384), (9_600, 16_384), (12_000, 32_768)])
def test_it_grows_in_steps_as_far_as_memory_allows_and_to_32768_unasked(mib: int, context: int) -> None:
    assert EIGHT.trained_context == 131_072
    assert chosen(room(mib)).settings.context == context
    assert chosen(room(80_000)).settings.context == 32_768
    assert chosen(room(80_000), context=65_536).settings.context == 65_536


GROWS = {
    "whole": (EIGHT, room(12_000)),
    "experts in RAM": (families.shape("gpt-oss-20b"), room(13_100)),
    "two GPUs": (families.shape("qwen3-235b"), room(81_000, 97_000, ram=300_000)),
    "two GPUs of unequal size": (EIGHT, room(4_500, 8_000)),
    "a part of the layers": (families.shape("gemma4-31b"), room(6_100)),
}


@pytest.mark.parametrize("name", GROWS)
def test_the_model_stays_where_it_is(name: str) -> None:
    model, where = GROWS[name]
    grown, plain = chosen(where, model), chosen(where, model, context=8192)
    assert grown.settings.context > 8192
    assert grown.settings == replace(plain.settings, context=grown.settings.context)
    assert [one.weights_mib for one in grown.fit.devices] == [one.weights_mib for one in plain.fit.devices]
    assert grown.fit.gpu_layers == plain.fit.gpu_layers
    assert all(one.total_mib <= free for one, free in zip(grown.fit.devices, where.usable_mib, strict=True))


@pytest.mark.parametrize(
    ("usable", "trained", "context"),
    [
        (16_384, 131_072, 16_384),
        (24_576, 131_072, 24_576),
        (4096, 131_072, 4096),
        (131_072, 20_480, 20_480),
        (None, 12_288, 12_288),
        (None, 0, 8192),  # unknown
    ],
)
def test_it_grows_no_further_than_the_model_is_good(usable: int | None, trained: int, context: int) -> None:
    found = chosen(room(80_000), replace(EIGHT, trained_context=trained), usable=usable)
    assert found.settings.context == context
    assert found.usable == (min(usable or trained, trained))


def test_without_a_gpu_it_grows_to_16384_and_only_where_a_full_chat_is_still_written_fast_enough() -> None:
    assert chosen(room(ram=64_000)).settings.context == 16_384
    slow = Bandwidths(ram=of_ram(ReadSpeed(all_gb_per_s=30.0, one_gb_per_s=10.0, cores=4)))
    found = chosen(room(ram=64_000, bandwidths=slow))
    assert found.settings.context == 8192
    assert found.more_context
    assert found.more_context.fits


@pytest.mark.parametrize("mib", [4_000, 6_000, 8_000, 10_000, 16_000])
@pytest.mark.parametrize("reserve", [0, 300, 512, 2048])
@pytest.mark.parametrize("wsl", [False, True])
def test_what_is_reserved_of_a_gpu_stays_free_and_counts_once(mib: int, reserve: int, wsl: bool) -> None:
    margin = max(mib * 3 // 100, 1024 if wsl else 300)
    where = room(mib, reserve_mib=reserve, is_wsl=wsl)
    assert where.usable_mib == (mib - max(reserve, margin),)
    found = chosen(where)
    assert found.fit.devices[0].total_mib <= mib - reserve
    more = found.settings.context * 2
    if more <= 32_768 and found.fit.gpu_layers == 33:  # it is not left free for nothing
        assert chosen(where, context=more).settings != replace(found.settings, context=more)


def test_a_whole_gpu_that_is_reserved_gets_no_layer() -> None:
    found = chosen(room(8_000, reserve_mib=8_000))
    assert (found.fits, found.fit.gpu_layers) == (True, 0)


@pytest.mark.parametrize(
    ("before", "mib", "context"),
    [
        (8192, 24_000, 8192),
        (4096, 24_000, 4096),
        (16_384, 24_000, 16_384),
        (65_536, 24_000, 65_536),  # which somebody asked for
        (32_768, 8_000, 16_384),  # it no longer fits
        (32_768, 4_000, 8192),
    ],
)
def test_what_a_stack_runs_with_stays_while_it_fits(before: int, mib: int, context: int) -> None:
    assert chosen(room(mib), before=before).settings.context == context


@pytest.mark.parametrize(
    ("gpus", "counts"), [((24_000, 900), (33, 0)), ((900, 24_000), (0, 33)), ((24_000, 0), (33, 0))]
)
def test_a_gpu_that_is_almost_full_takes_the_layers_from_no_other(
    gpus: tuple[int, ...], counts: tuple[int, ...]
) -> None:
    found = chosen(room(*gpus))
    assert (found.fit.gpu_layers, found.settings.split) == (33, tuple(map(float, counts)))
    assert found.fits == (min(gpus) > 500)  # MiB that the driver takes of each
