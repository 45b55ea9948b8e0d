"""How several GPUs share the layers."""

from collections.abc import Sequence
from itertools import combinations_with_replacement, pairwise

from hypothesis import given
from hypothesis import strategies as st

from stackctl.core.fit.sharing import evenly


def shares(sizes: Sequence[float], room: Sequence[float], counts: Sequence[int]) -> list[float]:
    ends = [sum(counts[:gpu]) for gpu in range(len(counts) + 1)]
    return [sum(sizes[start:end]) / has for (start, end), has in zip(pairwise(ends), room, strict=True)]


def shared(sizes: Sequence[float], room: Sequence[float]) -> list[float]:
    counts = evenly(len(sizes), room, lambda _, start, end: sum(sizes[start:end]))
    assert sum(counts) == len(sizes)
    return shares(sizes, room, counts)


def test_small_layers_are_taken_together() -> None:
    assert evenly(12, (8, 8), lambda _, start, end: sum(([1] * 8 + [2] * 4)[start:end])) == (8, 4)


def test_a_smaller_gpu_takes_its_part() -> None:
    assert evenly(32, (24, 8), lambda _, start, end: float(end - start)) == (24, 8)
    assert evenly(32, (8, 24), lambda _, start, end: float(end - start)) == (8, 24)


def test_one_gpu_takes_all_and_none_leaves_nothing_out() -> None:
    assert evenly(5, (1,), lambda _, start, end: float(end - start)) == (5,)
    assert evenly(1, (9, 9, 9), lambda _, start, end: float(end - start)) in {(1, 0, 0), (0, 1, 0), (0, 0, 1)}


@given(st.lists(st.floats(0.1, 3), min_size=1, max_size=9), st.lists(st.floats(2, 12), min_size=1, max_size=3))
def test_no_gpu_is_overfilled_where_any_way_avoids_it(sizes: list[float], room: list[float]) -> None:
    cuts = combinations_with_replacement(range(len(sizes) + 1), len(room) - 1)
    ways = ([end - start for start, end in pairwise((0, *ends, len(sizes)))] for ends in cuts)
    has_way = any(max(shares(sizes, room, way)) <= 1 for way in ways)
    assert (max(shared(sizes, room)) <= 1) == has_way


def test_many_layers_on_many_gpus_are_shared_without_trying_every_way() -> None:
    asked = 0

    def taken(_: int, start: int, end: int) -> float:
        nonlocal asked
        asked += 1
        return float(end - start)

    assert evenly(96, (9,) * 16, taken) == (6,) * 16
    assert asked < 25_000  # of 71,000
