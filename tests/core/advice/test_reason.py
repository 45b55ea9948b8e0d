"""The reason for a proposal is the true one."""

from stackctl.core.advice import ranking
from stackctl.core.advice.reason import reason
from stackctl.core.catalogue.entry import Entry
from stackctl.core.fit.choice import Room
from tests.core.advice.entries import HUGE, MIXED, TWELVE, entry
from tests.core.advice.test_ranking import proposed


def why(*entries: Entry, language: str = "en", gpus: tuple[int, ...] = (), gpu_gbs: float = 350.0) -> str:
    found = proposed(*entries, gpus=gpus, gpu_gbs=gpu_gbs, language=language)
    floor = ranking.least(Room(gpus_mib=gpus, ram_mib=1), None)
    return reason(found[0], found[1:], floor, purpose="roleplay", language=language)


def test_the_best_ranked_is_called_so_with_what_it_was_measured_by() -> None:
    says = why(entry("a", rank=80.5), entry("b", rank=70))
    assert says.startswith(
        "ranked 80.5 of 100 for roleplay, the best of what writes at least 5 tokens/s in a long chat"
    )
    assert "8192 tokens of context" in says
    assert "roleplay in ja," in why(entry("a", languages=("ja",)), language="ja")


def test_a_model_of_a_better_rank_that_comes_later_is_named_with_what_it_lacks() -> None:
    split, whole = entry("split", MIXED, rank=82), entry("whole", TWELVE, rank=80)
    assert why(split, whole, gpus=(12,)).endswith(
        "80 of 100 for roleplay and lies wholly on the GPU; split (82) does not"
    )
    few, lesser = entry("few", HUGE, rank=70), entry("lesser", rank=60)
    assert why(few, lesser, gpus=(36,), gpu_gbs=900).endswith("few (70) would have fewer than 4 bits per weight")


def test_where_nothing_is_fast_enough_that_is_said() -> None:
    assert why(entry("slow", HUGE)).startswith("nothing that fits writes at least 5 tokens/s")
