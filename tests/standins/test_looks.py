"""The stand-in for KoboldCpp streams as the real one does: by a look now and then, not token by token."""

import json
import threading
from collections.abc import Iterator

from tests.standins.koboldcpp.generation import Ahead, Kind, Made, events


def test_all_the_text_of_a_look_is_one_piece_and_the_first_look_comes_late() -> None:
    two_are_written, third_may_come = threading.Event(), threading.Event()

    def pieces() -> Iterator[str]:
        yield from ("This is", " one")
        two_are_written.set()
        third_may_come.wait(10)
        yield " piece"

    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        two_are_written.wait(10)
        if len(pauses) > 1:
            third_may_come.set()
            ahead.wait()

    ahead = Ahead(pieces())
    sent = list(events(Kind(is_openai=True), ahead, Made(stop_reason=1), "m", 1, sleep=pause))
    *said, done = [event.decode().removeprefix("data: ").strip() for event in sent]
    choices = [json.loads(one)["choices"][0] for one in said]
    assert [(one["text"], one["finish_reason"]) for one in choices] == [
        ("This is one", None),
        (" piece", None),
        ("", "stop"),
    ]
    assert done == "[DONE]"
    assert pauses == [0.35, 0.02]


def test_a_fast_answer_is_one_piece() -> None:
    ahead = Ahead(iter(("a", "b", "c")))
    sent = list(events(Kind(), ahead, Made(stop_reason=1), "m", 1, sleep=lambda _: ahead.wait()))
    assert [b'"token": "abc"' in event for event in sent] == [True, False]
