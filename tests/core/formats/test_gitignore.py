"""Which lines a .gitignore lacks, and how they get in; tests/steps/test_private_folders.py asks git itself."""

import pytest

from stackctl.core.formats import gitignore

LINES = ("/config", "/data")


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("", LINES),
        ("*\n", ()),
        ("*", ()),
        ("*  \r\n", ()),
        ("/config\n/data\n", ()),
        ("/data\n", ("/config",)),
        ("# /config\n#*\n\\*\n */\n", LINES),
        ("# one line for git\u2028*\u2028\x0b*\x0c*\x85*\r*", LINES),
        ("*\n!.gitignore\n", ()),
        ("*\n!/.gitignore\r\n", ()),
        ("*\n!secrets.json\n", LINES),
        ("/config\n!*\n/data\n", ("/config",)),
        ("*\n!*\n*\n", ()),
        ("\\!*\n*\n", ()),
    ],
)
def test_a_line_is_missing_where_it_is_not_there_or_may_be_taken_back_further_down(
    text: str, missing: tuple[str, ...]
) -> None:
    assert gitignore.missing_lines(text, LINES) == missing


@pytest.mark.parametrize(
    "text", ["", "mine\n", "mine", "mine\r\nyours\r\n", "mine\r\nyours", "!*\n", "*\n!/data\n", " "]
)
@pytest.mark.parametrize("lines", [LINES, ("*",)])
def test_an_extended_text_begins_as_it_was_and_lacks_nothing(text: str, lines: tuple[str, ...]) -> None:
    after = gitignore.extend(text, lines)
    assert after.startswith(text.strip(" "))
    assert gitignore.missing_lines(after, lines) == ()
    assert after.count("\r\n") in {0, after.count("\n")}


def test_a_private_folder_without_a_gitignore_gets_the_one_line() -> None:
    assert gitignore.extend("", ("*",)) == "*\n"


def test_the_command_that_takes_files_out_is_quoted_for_a_shell_and_takes_names_as_they_are() -> None:
    assert gitignore.untracking("/srv/chat", ("a",)) == "git -C /srv/chat rm -r -f --cached -- a"
    assert gitignore.untracking("/srv/$(x) y", ("a [1].jsonl", "it's")) == (
        "git -C '/srv/$(x) y' --literal-pathspecs rm -r -f --cached -- 'a [1].jsonl' 'it'\"'\"'s'"
    )


def test_of_tracked_files_only_the_private_ones_are_named() -> None:
    assert gitignore.tracked_note("/srv", {"a": (), "b": ("b/.gitignore",)}) == ""
    note = gitignore.tracked_note("/srv", {"a": (), "b": ("b/.gitignore", "b/key")})
    assert "private files: b/key; " in note
    assert ": git -C /srv rm -r -f --cached -- b/key\n" in note


@pytest.mark.parametrize("name", ["b/x\nrm -rf important", "b/\x1b[2J", "b/\u202egpj.key", "b/\u2028x", "b/\udcff"])
def test_a_name_that_would_not_show_as_it_is_is_escaped_and_its_folder_is_taken_out(name: str) -> None:
    note = gitignore.tracked_note("/srv", {"a": ("a/key",), "b": (name,), "c": ()})
    assert name not in note
    assert ascii(name) in note
    assert note.count("\n") == 1
    assert ": git -C /srv rm -r -f --cached -- a b\n" in note
