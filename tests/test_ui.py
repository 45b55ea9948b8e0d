"""What is printed has *** where a secret would stand, and nothing in it that a terminal would obey."""

import json
import os
import pty
import subprocess
import sys
import termios
from datetime import datetime, timedelta

import pytest

from stackctl.errors import ConfigError, NotReady
from stackctl.ui import Progress, Ui
from tests.core.samples import KEY

TEXT = KEY.reveal()


@pytest.mark.parametrize("as_json", [True, False])
def test_nothing_that_is_printed_shows_a_secret(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    ui = Ui(as_json=as_json, verbose=True)
    ui.hide(KEY)
    ui.hide(KEY)
    ui.step(f"step {TEXT}")
    ui.note(f"note\n{TEXT}")
    ui.detail(f"+ run --password {TEXT}")
    ui.status(f"status {TEXT}")
    ui.error(ConfigError(f"error {TEXT}", hint=f"hint {TEXT}", evidence=(f"Namespace(password='{TEXT}')",)))
    ui.result(f"text {TEXT}", {"value": TEXT})
    ui.raw(f"koboldcpp-1  | Namespace(password='{TEXT}')\n")
    shown = "".join(capsys.readouterr())
    assert TEXT not in shown
    assert shown.count("***") == 9
    assert "koboldcpp-1  | Namespace(password='***')" in shown


def test_without_secrets_text_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Ui().raw("a ***\n")
    assert capsys.readouterr().out == "a ***\n"


def test_a_terminal_that_lacks_a_character_gets_its_number_and_no_traceback() -> None:
    script = "from stackctl.ui import Ui; Ui().result('back \u2713', {})"
    environment = {"PYTHONIOENCODING": "ascii:strict", "PYTHONPATH": ":".join(filter(None, sys.path))}
    argv = [sys.executable, "-c", script]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "back \\u2713\n"


def test_a_programs_last_words_do_not_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    title, colour, clear = "\x1b]2;a title\x07", "\x1b[31;1mred\x1b[0m", "\x1b[2J\x1bc\x9b2J\r\x08"
    evidence = (f"{title}a\tb {colour}{clear} \u65e5\u672c",)
    Ui().error(NotReady("died: \x1b[5mx", hint="see \x1b]0;t\x1b\\logs", evidence=evidence))
    said = "error: died: x\n  | a\tb red\\x9b2J\\r\\x08 \u65e5\u672c\nhint: see logs\n"
    assert capsys.readouterr().err == f"{said}more: `stackctl explain not-ready`\n"


def test_a_name_of_several_lines_passes_for_no_words_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    evidence = ("one\nhint: two\u2028hint: three",)
    Ui().error(ConfigError("no /m/a\nhint: run this", hint="see\nerror: x", evidence=evidence))
    said = [
        "error: no /m/a",
        "  hint: run this",
        "  | one",
        "  | hint: two\\u2028hint: three",
        "hint: see",
        "  error: x",
        "more: `stackctl explain settings-wrong`",
    ]
    assert capsys.readouterr().err.splitlines() == said


ATTACK = "a\x1b]2;title\x07b\x1b[2Jc\x9b2Jd\u202ee\u2028f\x85g\x1b]8;;http://x"
SHOWN = r"abc\x9b2Jd\u202ee\u2028f\x85g\x1b]8;;http://x"


@pytest.mark.parametrize("as_json", [True, False])
def test_a_result_does_not_command_the_terminal_and_json_keeps_what_it_says(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    Ui(as_json=as_json).result(f"{ATTACK}\nnext\tline", {"value": ATTACK})
    shown = capsys.readouterr().out
    assert not any((ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0 for c in shown)
    assert not {"\u202e", "\u2028"} & set(shown)
    if as_json:
        assert json.loads(shown) == {"value": ATTACK}
    else:
        assert shown == f"{SHOWN}\nnext\tline\n"


def test_what_happens_is_told_without_commanding_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    ui = Ui(verbose=True)
    for tell in (ui.step, ui.note, ui.detail, ui.told, ui.raw, ui.status):
        tell(f"{ATTACK}\n")
    assert "".join(capsys.readouterr()).replace("\n", "").replace(" ", "") == SHOWN * 5 + f"…{SHOWN}"


def test_a_cell_of_a_table_stays_one_line_of_it() -> None:
    rows = [["title", "x\r\nlicence  free\u2028y\x1b]"], ["licence", "none"]]
    assert Ui().table(rows).splitlines() == ["title    x licence  free\\u2028y\\x1b]", "licence  none"]


def test_a_long_name_widens_no_column() -> None:
    rows = [["NAME", "KIND", "USED BY"], ["a", "b", "c"]]
    usual = Ui().table(rows).splitlines()
    long = Ui().table([*rows, ["x" * 200, "k", "d"], ["e", "f", "y" * 4000]]).splitlines()
    assert long[:2] == usual
    assert long[2:4] == ["x" * 200, "      k     d"]
    assert long[4].startswith("e     f     yyy")
    assert len(long[4]) < 320
    assert "\u2026" in long[4]
    middle = Ui().table([["a", "b" * 500, "c"]])
    assert len(middle) == len("a") + 2 + 60 + 2 + len("c")


def test_a_column_is_as_wide_as_a_terminal_shows_it() -> None:
    rows = [["\u65e5\u672c\u8a9e.gguf", "1"], ["e\u0301.gguf", "2"], ["plain.gguf", "3"]]
    assert Ui().table(rows).splitlines() == ["\u65e5\u672c\u8a9e.gguf  1", "e\u0301.gguf       2", "plain.gguf   3"]


@pytest.mark.parametrize("prefix", ["", "\x1b[36mone-1  | \x1b[0m", "\x1b[36;1mtwo_b.c-1 | \x1b[0m", "one-1  | "])
def test_a_log_colours_nothing_but_the_names_of_services(prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    Ui().log(f"{prefix}10 %\r20 % \x1b[31mred\x1b[0m \x1b]52;c;aGk=\x07\x9b2J\u202e\x1b]2;t\r\n")
    assert capsys.readouterr().out == f"{prefix}10 %\\r20 % red \\x9b2J\\u202e\\x1b]2;t\n"


@pytest.mark.parametrize("forged", ["\x1b[36mone\x1b[2J | \x1b[0mx", "\x1b[8mx | \x1b[31m", "x\x1b[36mone | \x1b[0m"])
def test_a_program_does_not_forge_the_name_before_its_words(forged: str, capsys: pytest.CaptureFixture[str]) -> None:
    Ui().log(f"{forged}\n")
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_status_line_never_wraps(columns: int) -> None:
    script = "from stackctl.ui import Ui; ui = Ui(); ui.status('x' * 300); ui.note('end')"
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    environment = {"PYTHONPATH": ":".join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", script], env=environment, stderr=theirs, stdin=theirs, check=True)
    os.close(theirs)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert shown.startswith("\r\x1b[2K  \u2026 x")
    assert shown.count("x") == columns - 5
    assert shown.endswith("\r\x1b[2K  end\r\n")


def test_an_error_breaks_between_words_on_a_narrow_terminal_and_never_within_a_command() -> None:
    script = (
        "from stackctl.errors import ModelError\n"
        "from stackctl.ui import Ui; ui = Ui(); ui.note('one two three four five six seven eight nine ten')\n"
        "hint = 'Run `stackctl models verify a.gguf`.'\n"
        "ui.error(ModelError('the model file is damaged or cut short, says its log', hint=hint))"
    )
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 40))
    environment = {"PYTHONPATH": ":".join(filter(None, sys.path)), "NO_COLOR": "1"}
    subprocess.run([sys.executable, "-c", script], env=environment, stderr=theirs, stdin=theirs, check=True)
    os.close(theirs)
    shown = os.read(ours, 10_000).decode().splitlines()
    os.close(ours)
    assert shown == [
        "  one two three four five six seven",
        "    eight nine ten",
        "error: the model file is damaged or",
        "  cut short, says its log",
        "hint: Run",
        "  `stackctl models verify a.gguf`.",
        "more:",
        "  `stackctl explain model-unusable`",
    ]


# -- --progress


def everything(progress: Progress | None, capsys: pytest.CaptureFixture[str]) -> str:
    """What stands on stderr after one of each."""
    ui = Ui(verbose=True, progress=progress)
    ui.step("Starting")
    ui.note("one\ntwo")
    ui.warn("careful")
    ui.detail("+ docker info")
    ui.status("waiting for llamacpp")
    ui.progress("m.gguf: 1 of 2 GB", done_bytes=10**9, total_bytes=2 * 10**9)
    ui.error(NotReady("it died", hint="read its log", evidence=("x\x1b[31m",)), of="llamacpp")
    ui.result("fine", {})
    found = capsys.readouterr()
    assert found.out == "fine\n"
    return found.err


def test_without_a_terminal_progress_is_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    said = [
        "Starting",
        "  one",
        "  two",
        "  note: careful",
        "  + docker info",
        "  \u2026 waiting for llamacpp",
        "error: llamacpp: it died",
        "  | x",
        "hint: read its log",
        "more: `stackctl explain not-ready`",
    ]
    assert [line for line in everything("plain", capsys).splitlines() if "GB" not in line] == said
    assert [line for line in everything(None, capsys).splitlines() if "GB" not in line] == said


def test_progress_none_leaves_warnings_and_errors_alone(capsys: pytest.CaptureFixture[str]) -> None:
    said = ["  note: careful", "error: llamacpp: it died", "  | x", "hint: read its log"]
    said.append("more: `stackctl explain not-ready`")
    assert everything("none", capsys).splitlines() == said


def test_progress_as_json_is_one_object_a_line_with_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    events = [json.loads(line) for line in everything("json", capsys).splitlines()]
    assert [one["event"] for one in events] == ["step", "note", "warning", "command", "waiting", "progress", "error"]
    assert [one["message"] for one in events[:2]] == ["Starting", "one\ntwo"]
    assert (events[5]["done_bytes"], events[5]["total_bytes"]) == (10**9, 2 * 10**9)
    assert {"kind": "not_ready", "hint": "read its log", "evidence": ["x\x1b[31m"], "exit_code": 7}.items() <= events[
        6
    ].items()
    assert all(datetime.fromisoformat(one["time"]).utcoffset() == timedelta() for one in events)


@pytest.mark.parametrize(("progress", "has_controls"), [("None", True), ("'plain'", False), ("'json'", False)])
def test_a_terminal_is_controlled_unless_another_progress_is_asked_for(progress: str, *, has_controls: bool) -> None:
    script = f"from stackctl.ui import Ui; ui = Ui(progress={progress}); ui.step('a'); ui.status('b'); ui.note('c')"
    ours, theirs = pty.openpty()
    environment = {"PYTHONPATH": ":".join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", script], env=environment, stderr=theirs, stdin=theirs, check=True)
    os.close(theirs)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert ("\x1b" in shown) == has_controls
