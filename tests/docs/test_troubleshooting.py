"""Whoever searches docs/troubleshooting.md for the words of an error finds it, and nothing that is not said."""

import re

import pytest

from stackctl.errors import DoesNotFit, EngineError, GpuError, Interrupted, NotReady, StackctlError
from tests.docs import messages
from tests.docs.prose import calls, page, wrong
from tests.docs.test_readme import CODES, said_by_the_code

PAGE = page("docs/troubleshooting.md")
QUOTES = [quote for row in PAGE.rows for quote in re.findall(r"`([^`]+)`", row[0])]


def test_every_exit_code_has_a_chapter() -> None:
    titles = [text for _, text in PAGE.headings]
    found = [int(title.split()[1].rstrip(":")) for title in titles if title.startswith("Exit ")]
    assert found == sorted(CODES - {0})


@pytest.mark.parametrize("kind", [EngineError, GpuError, DoesNotFit, NotReady])
def test_every_message_that_a_deploy_may_end_with_has_an_entry(kind: type[StackctlError]) -> None:
    said = messages.raised(kind)
    assert said
    without = [one.shown for one in said if not messages.has_entry(one.text, QUOTES)]
    assert not without, "write a row for each of these into docs/troubleshooting.md"


def test_every_other_error_and_every_cause_has_an_entry() -> None:
    said = [*messages.causes(), *messages.table("core/start/docker_errors.py"), *messages.table("core/gpu/refusals.py")]
    assert len(said) > 60
    said += messages.raised(*(error for error in StackctlError.__subclasses__() if error is not Interrupted))
    assert not [one.shown for one in said if not messages.has_entry(one.text, QUOTES)]


def test_every_entry_quotes_what_the_code_says() -> None:
    assert len(QUOTES) > 150
    said = [*said_by_the_code().splitlines(), *(one.text for one in messages.raised(*StackctlError.__subclasses__()))]
    text = "\n".join(said)
    assert not [quote for quote in QUOTES if not messages.holds(text, quote)]


def test_every_command_in_a_hint_is_one_that_click_takes() -> None:
    said = [*messages.raised(*StackctlError.__subclasses__()), *messages.causes()]
    spans = {span for one in said for span in re.findall(r"`([^`]+)`", one.hint.replace(messages.HOLE, "VALUE"))}
    found = [words for span in spans for words in calls(span)]
    assert len(found) > 10
    assert not [words for words in found if wrong(words)]


def test_a_quote_is_found_in_a_message_with_other_values() -> None:
    text = f"port {messages.HOLE} is taken by {messages.HOLE}"
    assert messages.holds(text, "port ... is taken by ...")
    assert messages.holds(text, "is taken by")
    assert not messages.holds(text, "is held by")
    assert not messages.holds(text, "taken by ... port")


def test_the_forms_of_a_message_are_read_from_the_program() -> None:
    texts = {one.text for one in messages.raised(EngineError)}
    assert any(text.startswith("port \0 is taken by") for text in texts)  # an f-string
    assert "docker ps failed: \0" in texts  # words that a caller gives
    marks = {mark for one in messages.causes() for mark in one.marks}
    assert {"invalid magic characters", "Failed to extract"} <= marks  # of a table, and of an `if`
