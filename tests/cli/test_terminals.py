"""A pipe, a terminal without colours, a dumb one, an encoding without our characters: shown without a traceback."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from stackctl.core.model.demo_model import gguf_bytes

NAME = "mod\u00e8le \U0001f600.gguf"
ENCODINGS = ({"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / NAME).write_bytes(gguf_bytes())
    (tmp_path / "stack.toml").write_text(f'[models.a]\npath = "{NAME}"\n', encoding="utf-8")
    return tmp_path


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "PYTHON", "COLUMNS"))}
    here = {"PYTHONPATH": ":".join(filter(None, sys.path)), "DOCKER_HOST": f"unix://{folder}/no.sock"}
    return {**kept, **here, **more}


def run(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    argv = [sys.executable, "-m", "stackctl", *words]
    return subprocess.run(argv, cwd=folder, env=environment(folder, **more), capture_output=True, check=False)


@pytest.mark.parametrize("encoding", ENCODINGS, ids=["ascii", "C"])
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("models", "fit", NAME), 0),
        (("models", "inspect", NAME), 0),
        (("use", NAME), 3),
        (("d\u00e9ploy",), 2),
        (("deploy", "--\u00e9"), 2),
        (("models", "inspect", f"not {NAME}"), 8),
        (("render", "--model", NAME, "--gpu", "none"), 0),
    ],
)
def test_no_encoding_ends_a_command_with_a_traceback(
    folder: Path, words: tuple[str, ...], code: int, encoding: dict[str, str]
) -> None:
    done = run(folder, *words, **encoding)
    assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")
    assert done.returncode == code
    assert b"\x1b" not in done.stdout + done.stderr


def test_json_is_json_in_every_encoding(folder: Path) -> None:
    for encoding in (*ENCODINGS, {"PYTHONIOENCODING": "latin-1"}, {"PYTHONIOENCODING": "utf-8"}):
        done = run(folder, "models", "inspect", NAME, "--json", **encoding)
        assert json.loads(done.stdout.decode(encoding.get("PYTHONIOENCODING", "utf-8")))["name"] == NAME


def test_where_bars_can_not_be_shown_they_are_of_plain_characters(folder: Path) -> None:
    shown = run(folder, "models", "fit", NAME, PYTHONIOENCODING="ascii").stdout.decode("ascii")
    assert "# this model  . free  : taken by others now" in shown
    assert "\\u" not in shown.replace("\\U0001f600", "")


def on_terminal(folder: Path, *words: str, **more: str) -> str:
    """What a terminal gets, of both outputs."""
    ours, theirs = pty.openpty()
    argv = [sys.executable, "-m", "stackctl", *words]
    with subprocess.Popen(
        argv, cwd=folder, env=environment(folder, **more), stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 10_000)
            except OSError:  # as Linux says that the other end is closed
                break
            if not piece:
                break
            shown += piece
        process.wait(60)
    os.close(ours)
    return shown.decode()


def test_colours_are_for_a_terminal_that_wants_them(folder: Path) -> None:
    assert "\x1b[31m" in on_terminal(folder, "use", "b", TERM="xterm")
    assert "\x1b[31m" not in on_terminal(folder, "use", "b", TERM="xterm", NO_COLOR="1")


@pytest.mark.parametrize("words", [("use", "b"), ("render", "--model", "demo"), ("models", "verify"), ("--help",)])
def test_a_dumb_terminal_gets_text_alone(folder: Path, words: tuple[str, ...]) -> None:
    assert "\x1b" not in on_terminal(folder, *words, TERM="dumb")


def test_a_narrow_terminal_is_as_wide_as_it_says_of_itself(folder: Path) -> None:
    shown = on_terminal(folder, "models", "inspect", NAME, TERM="dumb", COLUMNS="40")
    assert max(map(len, shown.splitlines())) <= 40
