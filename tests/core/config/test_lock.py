import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.core.config.lock import Decision, Decisions, Lock, differ, dump, parse
from stackctl.errors import ConfigError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PLAIN = st.one_of(TEXT, st.integers(), st.lists(TEXT, max_size=3))
LOCKS = st.builds(
    Lock,
    decisions=st.dictionaries(TEXT, st.builds(Decision, value=PLAIN, inputs=st.dictionaries(TEXT, PLAIN, max_size=3))),
    digests=st.dictionaries(TEXT, TEXT, max_size=3),
    rendered=st.dictionaries(TEXT, TEXT, max_size=3),
)


@given(LOCKS)
def test_a_lock_reads_back_as_it_was_written(lock: Lock) -> None:
    assert parse(dump(lock)) == lock
    assert dump(parse(dump(lock))) == dump(lock)


def test_a_lock_is_sorted_one_key_a_line_and_says_what_it_is() -> None:
    text = dump(Lock(digests={"b": "2", "a": "1"}, decisions={"k": Decision(value="\u00fc", inputs={"z": 1, "y": 2})}))
    assert text.endswith("}\n")
    assert "stackctl" in json.loads(text)["about"]
    assert text.index('"a"') < text.index('"b"')
    assert text.index('"y"') < text.index('"z"')
    assert '"\u00fc"' in text


GOOD: dict[str, Any] = {"decisions": {}, "digests": {}, "rendered": {}}


BROKEN: list[dict[str, Any]] = [
    {"decisions": []},
    {"decisions": {"a": 1}},
    {"decisions": {"a": {"value": 1}}},
    {"decisions": {"a": {"value": 1, "inputs": 2}}},
    {"digests": []},
    {"digests": None},
    {"rendered": "x"},
]
NO_LOCKS = ["", "{", "[]", "null", "1", "{}", '{"decisions": {}}', "<<<<<<< ours\n{}", "\x00", "[" * 100_000]


@pytest.mark.parametrize("text", [*NO_LOCKS, *(json.dumps(GOOD | change) for change in BROKEN)], ids=range(17))
def test_a_lock_that_cannot_be_read_is_a_config_error_with_the_way_out(text: str) -> None:
    with pytest.raises(ConfigError, match=r"stack\.lock") as caught:
        parse(text)
    assert "delete stack.lock" in caught.value.hint


def two() -> tuple[str, ...]:
    return "x", "y"


def never() -> tuple[str, ...]:
    raise AssertionError("decided again")


def test_a_recorded_answer_stands_while_its_inputs_do() -> None:
    first = Decisions(Lock())
    assert first.decide("k", {"a": (1, 2)}, two) == ("x", "y")
    recorded = parse(dump(Lock(decisions=first.taken)))
    again = Decisions(recorded)
    assert again.decide("k", {"a": (1, 2)}, never) == ("x", "y")
    assert again.taken == recorded.decisions


@pytest.mark.parametrize("inputs", [{}, {"a": 2}, {"a": 1, "b": 2}, {"a": "1"}])
def test_a_changed_input_asks_again(inputs: dict[str, object]) -> None:
    recorded = Lock(decisions={"k": Decision(value="old", inputs={"a": 1})})
    assert Decisions(recorded).decide("k", inputs, lambda: "new") == "new"


def test_what_is_no_longer_asked_is_no_longer_recorded() -> None:
    decisions = Decisions(Lock(decisions={"old": Decision(value="x", inputs={})}))
    decisions.decide("new", {}, lambda: 1)
    assert decisions.taken.keys() == {"new"}


def test_an_answer_that_was_read_back_is_the_one_that_was_written() -> None:
    decided = Lock(decisions={"sillytavern.names": Decision(value=("nas", "nas.lan"), inputs={})})
    assert not differ(parse(dump(decided)), decided)
    other = Lock(decisions={"sillytavern.names": Decision(value=("nas",), inputs={})})
    assert differ(parse(dump(decided)), other)
