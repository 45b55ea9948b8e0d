"""The models are proposed in the order in which an expert would name them."""

from dataclasses import replace

import pytest

from stackctl.backends import BACKENDS, llamacpp
from stackctl.core.advice import proposals, ranking
from stackctl.core.advice.can_load import BackendBuild
from stackctl.core.advice.suggestion import Purpose, Suggestion
from stackctl.core.catalogue.entry import Entry
from stackctl.core.fit.choice import Room, Wanted
from stackctl.core.fit.speed import Bandwidth, Bandwidths
from tests.core.advice.entries import EIGHT, HUGE, LARGE, MIXED, TWELVE, catalogue, entry, only


def proposed(
    *entries: Entry,
    gpus: tuple[int, ...] = (),
    gpu_gbs: float = 350.0,
    ram: int = 64,
    ram_gbs: float = 45.0,
    purpose: Purpose = "roleplay",
    language: str = "en",
    context: int | None = None,
) -> tuple[Suggestion, ...]:
    """Return what a machine with so many GB, and so many GB/s, gets."""
    bandwidths = Bandwidths(
        gpus=tuple(Bandwidth(gb_per_s=gpu_gbs, source="nvml") for _ in gpus),
        ram=Bandwidth(gb_per_s=ram_gbs, source="measured"),
    )
    room = Room(gpus_mib=tuple(1024 * one for one in gpus), ram_mib=1024 * ram, bandwidths=bandwidths)
    wanted = Wanted(slots=1, context=context, device="cuda" if gpus else "cpu")
    return proposals.suggestions(
        catalogue(*entries), llamacpp.MEMORY, room, purpose=purpose, language=language, wanted=wanted
    )


def names(*entries: Entry, **machine: object) -> list[str]:
    return [one.name for one in proposed(*entries, **machine)]  # type: ignore[arg-type]


def form(*entries: Entry, **machine: object) -> tuple[str, str]:
    """Return the name and the quantisation of the best one."""
    best = proposed(*entries, **machine)[0]  # type: ignore[arg-type]
    return best.name, best.label


SMALL = {str(layers): replace(EIGHT, layers=layers) for layers in (29, 30, 31)}


# -- which model


def test_the_rank_decides_and_not_the_size() -> None:
    assert names(entry("large", LARGE, rank=60), entry("small", rank=80), gpus=(24,)) == ["small", "large"]


def test_the_rank_is_that_for_the_purpose() -> None:
    one = entry("player", rank={"roleplay": 80, "general": 50})
    other = entry("helper", rank={"roleplay": 50, "general": 80})
    assert names(one, other, purpose="roleplay")[0] == "player"
    assert names(one, other, purpose="general")[0] == "helper"
    assert names(one, entry("tool", rank=90, uses=("general",)), purpose="roleplay") == ["player"]


def test_of_equally_good_models_the_one_wholly_on_the_gpu_comes_first() -> None:
    split, whole = entry("split", MIXED, rank=82), entry("whole", TWELVE, rank=80)
    assert [(one.name, one.lies) for one in proposed(split, whole, gpus=(12,))] == [
        ("whole", "gpu"),
        ("split", "experts"),
    ]
    assert names(entry("split", MIXED, rank=88), whole, gpus=(12,))[0] == "split"


def test_experts_in_ram_come_before_a_dense_model_that_is_slower() -> None:
    dense, mixed = entry("dense", TWELVE, rank=82), entry("mixed", MIXED, rank=80)
    found = proposed(dense, mixed, gpus=(6,))
    assert [one.name for one in found] == ["mixed", "dense"]
    assert found[0].tokens_per_s > 2 * found[1].tokens_per_s
    assert names(dense, mixed, ram=32) == ["mixed", "dense"]


@pytest.mark.parametrize(("gpus", "least"), [((8,), 10.0), ((16,), 10.0), ((), 5.0)])
def test_what_is_too_slow_comes_last_and_not_at_all_where_three_are_fast(gpus: tuple[int, ...], least: float) -> None:
    fast, slow = entry("fast", rank=50), entry("slow", HUGE, rank=95)
    assert names(slow, fast, gpus=gpus) == ["fast", "slow"]
    assert "slow" not in names(slow, *(entry(name, shape) for name, shape in SMALL.items()), gpus=gpus)
    assert proposed(fast, gpus=gpus)[0].tokens_per_s >= least
    assert names(slow, gpus=gpus) == ["slow"]
    assert proposed(slow, gpus=gpus)[0].tokens_per_s < least


def test_a_context_of_4096_comes_after_8192() -> None:
    short, long = entry("short", TWELVE, rank=90, good=4096, context=4096), entry("long", rank=40)
    assert names(short, long, gpus=(24,)) == ["long", "short"]
    assert names(short, gpus=(24,)) == ["short"]


def test_one_model_of_a_family_is_enough() -> None:
    found = names(
        entry("first", rank=80, family="x"),
        entry("second", rank=79, family="x"),
        entry("other", TWELVE, rank=60),
        gpus=(24,),
    )
    assert found == ["first", "other"]


def test_models_of_one_shape_are_one_family_whatever_they_are_called() -> None:
    assert names(entry("llama-3.1", rank=80), entry("llama-3", rank=79), gpus=(24,)) == ["llama-3.1"]


def test_another_model_of_the_family_is_tried_in_the_quantisations_that_the_first_lacks() -> None:
    first = only(entry("first", HUGE, rank=90, family="x"), "Q6_K")
    assert names(first, entry("second", HUGE, rank=89, family="x"), gpus=(80,), gpu_gbs=1800) == ["first"]
    assert form(first, entry("second", HUGE, rank=89, family="x"), gpus=(48,), gpu_gbs=1800)[0] == "second"


def test_a_wanted_context_is_met_or_the_model_left_out() -> None:
    found = proposed(entry("short", rank=90, good=16384), entry("long", rank=40), gpus=(24,), context=32768)
    assert [(one.name, one.context) for one in found] == [("long", 32768)]


def test_where_nothing_fits_nothing_is_proposed() -> None:
    assert proposed(entry("eight"), ram=1) == ()


# -- which language


def test_a_model_for_another_language_is_not_proposed_for_english() -> None:
    japanese = entry("japanese", rank={"ja": 90, "roleplay": 90}, languages=("ja", "en"))
    assert names(japanese, entry("english", rank=40)) == ["english"]
    assert names(japanese, entry("english", rank=40), language="ja") == ["japanese"]


def test_a_rank_for_the_language_counts_more_than_one_for_the_purpose_alone() -> None:
    unjudged = entry("unjudged", rank=80, languages=("en", "ja"))
    judged = entry("judged", TWELVE, rank={"ja": 75, "general": 70}, languages=("en", "ja"))
    assert names(unjudged, judged, language="ja", gpus=(24,)) == ["judged", "unjudged"]
    assert names(unjudged, judged, language="de") == []


# -- which quantisation


def test_it_has_as_many_bits_as_fit_wholly_with_16384_tokens_and_never_more_than_q6_k() -> None:
    found = [proposed(entry("large", LARGE), gpus=(size,))[0] for size in (48, 24, 20, 17, 15)]
    assert [one.lies for one in found] == ["gpu"] * len(found)
    assert found[0].label == "Q6_K"
    assert [one.bits for one in found] == sorted((one.bits for one in found), reverse=True)
    assert found[-1].label in {"Q4_K_M", "IQ4_XS"}
    assert min(one.context for one in found[:-1]) >= 16384


def test_a_better_model_at_four_bits_comes_before_a_lesser_one_at_six() -> None:
    assert form(entry("lesser", TWELVE, rank=70), entry("better", LARGE, rank=80), gpus=(16,)) == ("better", "IQ4_XS")


@pytest.mark.parametrize(("rank", "best"), [(70, ("lesser", "Q6_K")), (80, ("better", "IQ3_M"))])
def test_three_bits_need_a_clearly_better_model(rank: float, best: tuple[str, str]) -> None:
    models = entry("better", HUGE, rank=rank), entry("lesser", rank=60)
    assert form(*models, gpus=(36,), gpu_gbs=900) == best


def test_a_dense_model_is_not_split_at_three_bits() -> None:
    assert form(entry("better", LARGE, rank=95), entry("lesser", rank=40), gpus=(10,)) == ("lesser", "Q6_K")


def test_of_what_lies_in_ram_four_bits_are_enough_unless_it_is_very_fast() -> None:
    assert form(entry("twelve", TWELVE), ram=32, ram_gbs=48)[1] == "IQ4_XS"  # 5 tokens a second
    assert form(entry("eight"), ram=32)[1] == "Q4_K_M"
    assert form(entry("mixed", MIXED), gpus=(12,))[1] == "Q4_K_M"
    assert form(entry("mixed", MIXED), gpus=(12,), ram_gbs=200)[1] == "Q6_K"


def test_of_a_repository_the_same_quantisation_is_the_best() -> None:
    room = Room(gpus_mib=(24 * 1024,), ram_mib=64 * 1024)
    search = [proposed(only(entry("eight"), label), gpus=(24,))[0] for label in ("IQ3_M", "Q4_K_M", "Q6_K")]
    found = ranking.ranked(search, ranking.least(room, None))
    assert [one.label for one in found] == ["Q6_K", "Q4_K_M", "IQ3_M"]


# -- which build


def test_a_model_that_the_build_does_not_load_is_left_out() -> None:
    stack = BackendBuild(backend=BACKENDS["llamacpp"], build="b9191", variant="cpu")
    assert proposals.loads(entry("old", needs={"llamacpp": "b100"}), stack)
    assert proposals.loads(entry("as old", needs={"llamacpp": "b9191"}), stack)
    assert not proposals.loads(entry("new", needs={"llamacpp": "b10000"}), stack)
    assert proposals.loads(entry("elsewhere", needs={"koboldcpp": "v9.9"}), stack)
    assert not proposals.loads(entry("strange", architecture="none-such"), stack)


def test_of_an_unknown_build_only_what_every_known_one_loads_is_proposed() -> None:
    stack = BackendBuild(backend=BACKENDS["text-generation-webui"], build="", variant="cpu")
    assert proposals.loads(entry("old", needs={"llamacpp": "b100"}), stack)
    assert not proposals.loads(entry("newer than one of them", needs={"llamacpp": "b9514"}), stack)
    assert not proposals.loads(entry("strange", architecture="none-such"), stack)
