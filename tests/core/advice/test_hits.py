"""Which file of a hit is read, what its size alone rules out, and which of several hits is the best."""

import pytest

from stackctl.core.advice.hits import Judged, best_of, candidates, header_of, too_large
from stackctl.core.advice.ranking import Least
from stackctl.core.advice.suggestion import Suggestion
from stackctl.core.fit import Reserves
from stackctl.core.fit.choice import Room, Wanted, choose
from stackctl.core.hub.repository import Quantisation
from stackctl.core.hub.search import Hit
from stackctl.core.hub.source import RepoFile, Source
from tests.shapes.families import NAMES, shape

GIB = 2**30
SIZES = {"Q2_K": 3, "IQ4_XS": 4.2, "Q4_K_M": 5, "Q6_K": 7, "Q8_0": 9, "BF16": 16}


def one(label: str, gib: float, parts: int = 1) -> Quantisation:
    files = tuple(RepoFile(name=f"M-{label}-{number}.gguf", size=int(gib * GIB / parts)) for number in range(parts))
    return Quantisation(label=label, files=files)


MODEL = [one(label, gib) for label, gib in SIZES.items()]


@pytest.mark.parametrize(
    ("gpus", "ram", "read"),
    [
        ((24 * 1024,), 16 * 1024, "Q6_K"),
        ((6 * 1024,), 16 * 1024, "Q4_K_M"),
        ((3 * 1024,), 16 * 1024, "Q6_K"),  # none fits on the GPU, all do with the RAM
        ((), 5 * 1024, "IQ4_XS"),
        ((), 1024, "Q4_K_M"),
    ],
)
def test_the_header_read_is_that_of_the_largest_file_that_could_fit(gpus: tuple[int, ...], ram: int, read: str) -> None:
    found = header_of(MODEL, Room(gpus_mib=gpus, ram_mib=ram))
    assert found
    assert found.label == read


def test_of_a_file_in_parts_no_header_is_read_if_another_has_one_header() -> None:
    room = Room(ram_mib=64 * 1024)
    found = header_of([one("Q4_K_M", 20, parts=2), one("Q2_K", 12)], room)
    assert found
    assert found.label == "Q2_K"
    assert header_of([one("Q4_K_M", 20, parts=2)], room) is None
    assert header_of([one("Q8_0", 9)], room) == one("Q8_0", 9)


def test_more_than_q6_k_is_looked_at_only_where_nothing_else_is() -> None:
    assert [found.label for found in candidates(MODEL)] == ["Q6_K", "Q4_K_M", "IQ4_XS", "Q2_K"]
    assert [found.label for found in candidates(MODEL[-2:])] == ["BF16", "Q8_0"]


def test_a_size_alone_rules_out_what_no_memory_holds() -> None:
    room = Room(gpus_mib=(2048,), ram_mib=4096)
    assert too_large(one("Q4_K_M", 5), room) == ""
    assert too_large(one("Q4_K_M", 7), room) == "its smallest file, Q4_K_M, has 7.0 GiB; 6.0 GiB are free"


def suggestion(name: str, billions: float, gpu_mib: int) -> Judged:
    room = Room(gpus_mib=(gpu_mib,), ram_mib=256 * 1024)
    choice = choose(shape(NAMES[0]), Wanted(context=8192), Reserves(), room, has_alternatives=False)
    best = Suggestion(
        name=name, source=Source(repo=name), label="Q4_K_M", size=1, bits=4.8, context=8192, choice=choice,
        billions=billions,
    )  # fmt: skip
    return Judged(hit=Hit(name=name), verdict="runs", best=best)


def test_the_best_hit_is_the_largest_of_those_that_lie_well() -> None:
    small, large, split = (
        suggestion("a/small", 8, 80_000), suggestion("a/large", 13, 80_000), suggestion("a/split", 70, 2048),
    )  # fmt: skip
    floor = Least(context=8192, tokens_per_s=0.001)
    for hits in ((small, large), (large, small)):
        assert best_of(hits, floor) == large.best
    slow = Least(context=8192, tokens_per_s=split.best.tokens_per_s if split.best else 0)
    assert best_of((small, split), slow) == small.best
    assert best_of((Judged(hit=Hit(name="a/b"), verdict="gated"),), floor) is None
