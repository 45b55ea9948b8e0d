"""What a deploy can go back to, as a file keeps it."""

import pytest

from stackctl.core.config.journal import (
    FormerFile,
    FormerService,
    Journal,
    checksum,
    dump,
    fate,
    parse,
    with_former,
    with_written,
)

FILE = FormerFile(name="compose.yml", kept=".stackctl/before/compose.yml", sha256=checksum("former"))
JOURNAL = Journal(
    stack="chat",
    ran=True,
    files=(FILE, FormerFile(name="stack.lock", kept=".stackctl/before/stack.lock", sha256="")),
    services=(FormerService(name="llamacpp", container="id", image="image:1", image_id="sha256:1"),),
)


def test_a_journal_is_read_as_it_was_written() -> None:
    assert parse(dump(JOURNAL)) == JOURNAL


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"version": 2}', '{"version": 1, "stack": 3}'])
def test_what_is_no_journal_is_none(text: str) -> None:
    assert parse(text) is None


def test_a_file_goes_back_where_it_is_as_it_was_written_or_gone_and_stays_where_somebody_edited_it() -> None:
    twice = with_written(with_written(JOURNAL, {"compose.yml": "new"}), {"compose.yml": b"newer", "other": "x"})
    file = twice.file("compose.yml")
    assert file
    found = {text: fate(file, checksum(text)) for text in ("former", "new", "newer", "mine")}
    assert found == {"former": "same", "new": "back", "newer": "back", "mine": "edited"}
    assert fate(file, "") == "back"
    assert with_written(twice, {"compose.yml": "new"}) == twice


def test_what_the_user_edited_after_a_kill_is_the_former_content_from_then_on() -> None:
    changed = with_former(JOURNAL, "compose.yml", "edited")
    assert (changed.file("compose.yml"), changed.file("stack.lock")) == (
        FormerFile(name=FILE.name, kept=FILE.kept, sha256=checksum("edited")),
        JOURNAL.file("stack.lock"),
    )
    assert (changed.service("llamacpp"), changed.service("x"), changed.file("x")) == (JOURNAL.services[0], None, None)
