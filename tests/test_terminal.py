"""Text for a terminal: shown and not obeyed, as wide as it is, and safe to paste where it is a command."""

import ast
import os
import re
import subprocess
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.cli import main
from stackctl.cli.models import models
from stackctl.terminal import cells, command_line, cut, first, in_json, is_plain, padded, shell_word, shown
from stackctl.terminal import shown_in_line as in_line

ROOT = Path(__file__).parents[1]
TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
ENDS = "\u0085\u2028\u2029\x0b\x0c\x1c\x1d\x1e"
CONTROLS = "".join(map(chr, (*range(9), *range(11, 32), *range(127, 160))))


@pytest.mark.parametrize("char", TURNS + ENDS + CONTROLS + "\r")
def test_what_is_not_to_be_seen_is_shown_as_an_escape(char: str) -> None:
    escape = f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}"
    assert shown(f"a{char}\u3042") in {f"a{escape}\u3042", "a\\r\u3042"}
    assert in_line(f"a{char}\u3042") == shown(f"a{char}\u3042")
    assert not is_plain(f"a{char}b")
    assert in_json(f'{{"a{char}b"}}') == f'{{"a\\u{ord(char):04x}b"}}'


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("\x1b[31;1mred\x1b[0m", "red"), ("\x1b]2;title\x07a", "a"), ("\x1b]8;;http://x\x1b\\a", "a"),
        ("\x1bc\x1b(Ba", "a"),
        ("\x1bPq#0\x1b\\a", "a"), ("\x1b[2J\x1b[3Aa", "a"), ("\x1b]52;c;aGk=\x07a", "a"), ("a\r\nb\r\n", "a\nb\n"),
        # one that does not end hides nothing, and what is left when one goes is none
        ("\x1b]2;all the rest", "\\x1b]2;all the rest"), ("\x1b[31", "\\x1b[31"), ("\x1b", "\\x1b"),
        ("\x1b\x1b[m[2J", "\\x1b[2J"), ("\x9b2J", "\\x9b2J"), ("10 %\r20 %", "10 %\\r20 %"), ("a\tb\nc", "a\tb\nc"),
    ],
)  # fmt: skip
def test_colours_go_and_all_else_that_a_terminal_obeys_is_shown(text: str, left: str) -> None:
    assert shown(text) == left


@given(st.text(alphabet=f"\x1b[]P\\m2;J\x07\x9b\r\nab{TURNS}{ENDS}\ud800", max_size=20))
def test_nothing_that_is_shown_commands_a_terminal(text: str) -> None:
    assert all(is_plain(char) or char in "\n\t" for char in shown(text))
    assert is_plain(in_line(text))
    assert shown(shown(text)) == shown(text)


NASTY = (
    "plain.gguf", "a b.gguf", "$(touch x).gguf", "`touch x`.gguf", "it's.gguf", '"quoted".gguf', "-x.gguf", "--model",
    "~/x", "a;touch x", "a&touch x", "a|touch x", "a\ntouch x", "\x1b]0;x\x07.gguf", "x\u202efugg", "\u65e5\u672c.gguf",
    "*", "", "\\", "a\\'b\n", "!x", "#x", "a=b", "\udcff.gguf", "\u2028",
)  # fmt: skip


@pytest.mark.parametrize("shell", ["bash", "sh"])
@pytest.mark.parametrize("name", NASTY)
def test_a_shell_reads_a_pasted_command_as_the_words_that_were_meant(name: str, shell: str, tmp_path: Path) -> None:
    if shell == "sh" and not is_plain(name):
        shell = "bash"  # the standard has $'...' since 2024 alone
    said = command_line("printf", "%s", name)
    assert is_plain(said)
    done = subprocess.run([shell, "-c", said], cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout == os.fsencode(name)
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_begins_with_a_dash_is_no_option() -> None:
    assert (
        command_line("stackctl", "deploy", "--model", PurePosixPath("-x.gguf")) == "stackctl deploy --model ./-x.gguf"
    )
    assert shell_word(PurePosixPath("-a b")) == "'./-a b'"
    assert shell_word("--model") == "--model"


@pytest.mark.parametrize(
    ("text", "width"), [("abc", 3), ("\u65e5\u672c", 4), ("e\u0301", 1), ("\uff21", 2), ("\uff71", 1)]
)
def test_a_text_has_as_many_cells_as_a_terminal_gives_it(text: str, width: int) -> None:
    assert cells(text) == width
    assert padded(text, 5) == text + " " * (5 - width)


@given(st.text(alphabet="ab\u65e5\u0301", max_size=30), st.integers(1, 40))
def test_a_cut_text_keeps_its_ends_and_takes_no_more_cells_than_it_may(text: str, width: int) -> None:
    short = cut(text, width)
    assert cells(short) <= width
    assert cells(first(text, width)) <= width
    if short != text:
        head, _, tail = short.partition("\u2026")
        assert text.startswith(head)
        assert text.endswith(tail)


def test_a_long_name_loses_its_middle() -> None:
    assert cut("Mistral-Nemo-Instruct-2407-Q4_K_M.gguf", 21) == "Mistral-Ne\u20264_K_M.gguf"
    assert cut("abcdef", 5) == "ab\u2026ef"


# a command up to a name in it: what stands before a hole, and the names that can be nothing but numbers
_OURS = "|".join(["-C", *main.commands, *(f"models {name}" for name in models.commands)])
_BEFORE = re.compile(
    rf"\b(?:stackctl (?:{_OURS})|docker (?:stop|start|rm|logs|pull|compose -p)|chmod|chown|rm|kill|ssh|curl|mv|cp)"
    r"(?: -{1,2}[\w-]+| [\w+,=]+)* ['\"]?$"
)
_NUMBERS = {"free", "number", "port", "pids[0]", "uid"}
_QUOTED = re.compile(r"(terminal\.)?(command_line|shell_word)\(|shlex\.(quote|join)\(")


def bare(path: Path) -> list[str]:
    """The names that stand in a command as they are, of all texts of a file that are put together."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            said = ""
            for one in node.values:
                if isinstance(one, ast.FormattedValue):
                    name = ast.unparse(one.value)
                    if _BEFORE.search(said) and name not in _NUMBERS and not _QUOTED.match(name):
                        found.append(f"{said}{{{name}}}")
                    said += "x"
                elif isinstance(one, ast.Constant):
                    said += str(one.value)
    return found


def test_no_command_that_is_printed_has_a_bare_name_in_it() -> None:
    found = {path.name: names for path in (ROOT / "stackctl").rglob("*.py") if (names := bare(path))}
    assert found == {}


def test_a_bare_name_in_a_command_is_found(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text(
        """f"chmod 600 '{path}'", f"run `stackctl use {name}`", f"kill {pids[0]}", f"rm {shell_word(x)}" """
    )
    assert bare(path) == ["chmod 600 '{path}", "run `stackctl use {name}"]
