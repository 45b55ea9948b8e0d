"""The menu of three: each entry is what its name says, and none is there only to fill a line."""

from dataclasses import replace
from itertools import permutations

import pytest

from stackctl.backends import llamacpp
from stackctl.core.advice.menu import offers
from stackctl.core.advice.suggestion import Suggestion
from stackctl.core.fit import Shape
from stackctl.core.fit.choice import Choice, Room, Wanted, choose
from stackctl.core.hub.source import Source
from stackctl.core.model import gguf, gguf_shape
from tests.shapes.header import header
from tests.shapes.measured import MODELS


def _shape(name: str) -> Shape:
    raw, size = header(MODELS[name].metadata(), MODELS[name].tensors())
    return gguf_shape.shape_of(gguf.read(raw, size, name=name))


def _choice(name: str) -> Choice:
    return choose(_shape(name), Wanted(slots=1, device="cpu"), llamacpp.MEMORY, Room(gpus_mib=(), ram_mib=64_000))


ROLES = ("best", "faster", "other")
SLOW, FAST = _choice("llama-3.1-8b"), _choice("gemma-3-4b")


def one(name: str, choice: Choice = SLOW, **more: object) -> Suggestion:
    found = Suggestion(
        name=name,
        source=Source(repo=f"owner/{name}", quant="Q4_K_M"),
        label="Q4_K_M",
        size=5_000_000_000,
        bits=4.8,
        context=8192,
        choice=choice,
        family=name,
        rank=60,
        languages=("en",),
    )
    return replace(found, **more)  # type: ignore[arg-type]  # as its fields are


def menu(*ranked: Suggestion) -> list[tuple[str, str]]:
    return [(offer.role, offer.model.name) for offer in offers(ranked)]


def test_the_samples_are_slow_and_fast() -> None:
    assert FAST.tokens_per_s > 1.5 * SLOW.tokens_per_s
    assert one("a", FAST).tokens_per_s > 1.5 * one("a").tokens_per_s


def test_of_many_models_the_best_the_best_faster_one_and_the_best_of_another_line_are_offered() -> None:
    ranked = (
        one("a", family="gemma-4-31b"),
        one("b", family="gemma-4-12b"),
        one("c", FAST, family="qwen3.6-35b-a3b"),
        one("d", FAST, family="gemma-4-26b-a4b"),
        one("e", family="qwen3-14b"),
        one("f", family="mistral-nemo-12b"),
        one("g", family="llama-3-8b"),
    )
    assert menu(*ranked) == [("best", "a"), ("faster", "c"), ("other", "f")]


def test_without_any_model_there_is_no_menu_and_with_one_a_menu_of_one() -> None:
    assert menu() == []
    assert menu(one("a"), replace(one("a"), label="Q5_K_M")) == [("best", "a")]


def test_none_that_is_slower_or_hardly_faster_is_called_faster() -> None:
    assert menu(one("a", FAST), one("b", SLOW)) == [("best", "a"), ("other", "b")]
    begins_faster = replace(SLOW, tokens_per_s=2 * SLOW.tokens_per_s)  # but is as slow in a long chat
    assert menu(one("a"), one("b", begins_faster)) == [("best", "a"), ("other", "b")]
    hardly = replace(SLOW, tokens_per_s=1.2 * SLOW.tokens_per_s)
    assert menu(one("a"), one("b", hardly)) == [("best", "a"), ("other", "b")]


@pytest.mark.parametrize(
    ("best", "other", "differs"),
    [
        ({"family": "gemma"}, {"family": "qwen"}, ("line",)),
        ({"refuses": "some"}, {"refuses": "little"}, ("refuses less",)),
        ({"thinking": "no"}, {"thinking": "optional"}, ("thinks",)),
        ({"thinking": "yes"}, {"thinking": "no"}, ("does not think",)),
        ({"languages": ("en", "ja")}, {"languages": ("ja",)}, ("language",)),
        ({"refuses": "yes"}, {"refuses": "no", "family": "qwen"}, ("line", "refuses less")),
    ],
)
def test_another_flavour_says_in_what_it_differs(
    best: dict[str, object], other: dict[str, object], differs: tuple[str, ...]
) -> None:
    found = offers([one("a", SLOW, **{"family": "x", **best}), one("b", SLOW, **{"family": "x", **other})])
    assert [(offer.role, offer.differs) for offer in found] == [("best", ()), ("other", differs)]


@pytest.mark.parametrize(
    ("best", "other"),
    [
        ({}, {}),
        ({"refuses": "little"}, {"refuses": "some"}),
        ({"refuses": ""}, {"refuses": "little"}),
        ({"refuses": "a lot"}, {"refuses": ""}),
        ({"thinking": "optional"}, {"thinking": "no"}),
    ],
)
def test_one_of_the_same_family_that_offers_nothing_else_is_no_flavour(
    best: dict[str, object], other: dict[str, object]
) -> None:
    assert len(offers([one("a", SLOW, **best), one("b", SLOW, **{"family": "a", **other})])) == 1


def test_one_that_is_much_worse_is_left_out() -> None:
    assert menu(one("a", rank=80), one("b", rank=50)) == [("best", "a")]
    assert menu(one("a", rank=80), one("b", rank=50), one("c", rank=60)) == [("best", "a"), ("other", "c")]
    assert menu(one("a", rank=80), one("b", FAST, rank=40)) == [("best", "a")]
    assert menu(one("a", rank=80), one("b", FAST, rank=50)) == [("best", "a"), ("faster", "b")]


def test_where_none_is_faster_there_are_two_of_another_flavour() -> None:
    found = menu(one("a", family="x-1"), one("b", family="y-1"), one("c", family="y-2"), one("d", family="z"))
    assert found == [("best", "a"), ("other", "b"), ("other", "d")]


def test_three_of_one_line_are_never_offered_in_whatever_order_they_are_ranked() -> None:
    models = (
        one("a", family="x-4-31b", thinking="no"),
        one("b", FAST, family="x-3-4b", thinking="yes"),
        one("c", family="x-4-12b", refuses="no", thinking="optional"),
        one("d", FAST, family="y-8b", thinking="yes"),
    )
    for ranked in permutations(models):
        found = offers(ranked)
        assert {offer.model.family[0] for offer in found} == {"x", "y"}
        assert len({offer.model.name for offer in found}) == len(found)
        assert [offer.role for offer in found] == sorted((offer.role for offer in found), key=ROLES.index)
