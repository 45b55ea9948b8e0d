import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl import __version__
from stackctl.core.config.lock import Decision, Decisions, Lock, differ, dump, one_of, parse
from stackctl.errors import ConfigError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PLAIN = st.one_of(TEXT, st.integers(), st.lists(TEXT, max_size=3))
LOCKS = st.builds(
    Lock,
    decisions=st.dictionaries(
        TEXT,
        st.builds(
            Decision,
            value=PLAIN,
            inputs=st.dictionaries(TEXT, PLAIN, max_size=3),
            others=st.dictionaries(st.sampled_from(["why", "since"]), PLAIN),
        ),
    ),
    digests=st.dictionaries(TEXT, TEXT, max_size=3),
    rendered=st.dictionaries(TEXT, TEXT, max_size=3),
    others=st.dictionaries(st.sampled_from(["swarm", "nodes"]), PLAIN),
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


def anything(value: object) -> bool:
    del value
    return True


def two() -> tuple[str, ...]:
    return "x", "y"


def never() -> tuple[str, ...]:
    raise AssertionError("decided again")


def test_a_recorded_answer_stands_while_its_inputs_do() -> None:
    first = Decisions(Lock())
    assert first.decide("k", {"a": (1, 2)}, two, known=anything) == ("x", "y")
    recorded = parse(dump(Lock(decisions=first.taken)))
    again = Decisions(recorded)
    assert again.decide("k", {"a": (1, 2)}, never, known=anything) == ("x", "y")
    assert again.taken == recorded.decisions


@pytest.mark.parametrize("inputs", [{}, {"a": 2}, {"a": 1, "b": 2}, {"a": "1"}])
def test_a_changed_input_asks_again(inputs: dict[str, object]) -> None:
    recorded = Lock(decisions={"k": Decision(value="old", inputs={"a": 1})})
    assert Decisions(recorded).decide("k", inputs, lambda: "new", known=anything) == "new"


def test_what_is_no_longer_asked_is_no_longer_recorded() -> None:
    decisions = Decisions(Lock(decisions={"old": Decision(value="x", inputs={})}))
    decisions.decide("new", {}, lambda: 1, known=anything)
    assert decisions.taken.keys() == {"new"}


def test_an_answer_that_was_read_back_is_the_one_that_was_written() -> None:
    decided = Lock(decisions={"sillytavern.names": Decision(value=("nas", "nas.lan"), inputs={})})
    assert not differ(parse(dump(decided)), decided)
    other = Lock(decisions={"sillytavern.names": Decision(value=("nas",), inputs={})})
    assert differ(parse(dump(decided)), other)


# -- a newer stackctl's

NEWER = {"by": "99.1.0"}
MODE = Decision(value="cdi", inputs={"gpus": ["GPU-1"], "later": 1})


def newer(**decisions: Decision) -> Lock:
    return Lock(decisions=decisions, rendered=NEWER, others={"nodes": ["a"]})


@pytest.mark.parametrize("rendered", [NEWER, {"by": "0.0.1", "newest": "99.1.0"}], ids=["newer", "rewritten"])
def test_what_this_stackctl_does_not_ask_for_stays_in_a_newer_ones_lock_and_is_said(rendered: dict[str, str]) -> None:
    recorded = replace(newer(new=MODE, known=MODE), rendered=rendered)
    decisions = Decisions(recorded)
    decisions.decide("known", {"gpus": ["GPU-1"]}, lambda: "again", known=anything)
    assert decisions.lock() == recorded
    (said,) = decisions.notes()
    assert said.startswith("stack.lock is stackctl 99.1.0's: kept in it, though")
    assert said.endswith("does not use it: new, nodes")


def test_inputs_that_only_a_newer_one_knows_change_no_answer() -> None:
    decisions = Decisions(newer(k=MODE))
    assert decisions.decide("k", {"gpus": ["GPU-1"]}, never_text, known=anything) == "cdi"
    assert decisions.decide("k", {"gpus": ["GPU-2"]}, lambda: "none", known=anything) == "none"
    own = Decisions(Lock(decisions={"k": MODE}, rendered={"by": __version__}))
    assert own.decide("k", {"gpus": ["GPU-1"]}, lambda: "again", known=anything) == "again"


def test_of_an_older_ones_lock_nothing_is_kept_or_said() -> None:
    recorded = Lock(decisions={"old": MODE}, rendered={"by": "0.0.1"})
    assert Decisions(recorded).lock().decisions == {}
    assert Decisions(recorded).notes() == ()


@pytest.mark.parametrize("inputs", [MODE.inputs, {}], ids=["same", "other"])
@pytest.mark.parametrize("by", [NEWER, {"by": __version__}, {}], ids=["newer", "own", "nobody"])
def test_a_value_that_is_not_known_is_refused_with_its_writer_whatever_its_inputs(
    inputs: dict[str, object], by: dict[str, str]
) -> None:
    recorded = Lock(decisions={"gpu.mode": replace(MODE, value="vulkan")}, rendered=by)
    with pytest.raises(ConfigError, match=r"stack\.lock has gpu\.mode = 'vulkan'") as caught:
        Decisions(recorded).decide("gpu.mode", inputs, lambda: "cdi", known=one_of(("cdi", "none")))
    assert caught.value.exit_code == 3
    assert ("stackctl 99.1.0 wrote" in caught.value.message) == (by == NEWER)
    assert "--replan" in caught.value.hint


def test_a_lock_of_another_form_names_its_writer() -> None:
    with pytest.raises(
        ConfigError, match=r"stack\.lock, which stackctl 99\.1\.0 wrote, can't be read: it does not have the form"
    ):
        parse(json.dumps(GOOD | {"decisions": [], "rendered": NEWER}))


def never_text() -> str:
    raise AssertionError("decided again")
