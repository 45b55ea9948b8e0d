"""How much of an answer is taken: the clock is a number here."""

import pytest

from stackctl.core.formats.answer_limit import Exceeded, Limit, Silent, Tally

LIMIT = Limit(seconds=30, silence_s=10, size=100, parts=3)


def test_a_part_is_waited_for_no_longer_than_a_silence_and_no_longer_than_what_is_left() -> None:
    tally = Tally(LIMIT, began=1000)
    assert tally.wait_s(1000) == 10
    assert tally.wait_s(1025) == 5
    tally.take(40)
    with pytest.raises(Exceeded, match="did not end within 30 s; 40 bytes had come"):
        tally.wait_s(1030)


def test_silence_is_told_from_an_answer_that_has_no_end() -> None:
    tally = Tally(LIMIT, began=0)
    with pytest.raises(Silent, match="nothing of its answer came for 10 s"):
        tally.miss(10)
    with pytest.raises(Exceeded, match="did not end within 30 s") as ended:
        tally.miss(30)
    assert not isinstance(ended.value, Silent)


def test_bytes_and_parts_are_counted_over_the_whole_answer() -> None:
    Tally(LIMIT, began=0).take(100)
    with pytest.raises(Exceeded, match="more than 100 bytes"):
        Tally(LIMIT, began=0).take(101)
    tally = Tally(LIMIT, began=0)
    for _ in range(3):
        tally.take(1)
    with pytest.raises(Exceeded, match="more than 3 parts; 4 bytes had come"):
        tally.take(1)
