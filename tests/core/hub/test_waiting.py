"""The time that a server asks for is a number of seconds that people and JSON can take, whatever its headers hold."""

import pytest

from stackctl.core.hub.waiting import asked_s, in_words

YEAR = 365 * 86_400
NOW = "Mon, 30 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "120"}, 120),
        ({"retry-after": "Mon, 30 Nov 2026 12:01:00 GMT", "date": NOW}, 60),
        ({"retry-after": "Mon, 30 Nov 2026 11:00:00 GMT", "date": NOW}, 0),
        ({"ratelimit": '"api";r=0;t=55'}, 55),
        ({"retry-after": "9" * 400}, YEAR),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT", "date": NOW}, YEAR),
        ({"ratelimit": '"api";r=0;t=999999999'}, YEAR),
        ({"retry-after": "-5"}, 0),
        ({"retry-after": "inf"}, 0),
        ({"retry-after": "Mon, 30 Nov 2026 12:01:00 +999999999999", "date": NOW}, 0),
    ],
)
def test_a_wait_is_between_nothing_and_a_year(headers: dict[str, str], seconds: float) -> None:
    assert asked_s(headers) == seconds


@pytest.mark.parametrize(("seconds", "words"), [(20.0, "20 s"), (180.0, "3 minutes"), (float(YEAR), "365 days")])
def test_a_wait_has_a_unit_that_suits_it(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
