"""Whatever interrupts stackctl or becomes of its terminal, it ends with its true exit code and no traceback."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "stackctl"
RENDER = ("render", "--model", "demo", "--gpu", "none", "--stdout")
# the installed command, with something that happens when a module is imported, or at the end
HAPPENING = """
import atexit, os, signal, sys
module, what, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
del sys.argv[1:4]

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            sys.meta_path.remove(self)
            happen()

class Dying:
    def __del__(self):
        os.kill(os.getpid(), number)
        sum(range(9999))

def happen():
    if what == "signal":
        os.kill(os.getpid(), number)
        sum(range(9999))
    elif what == "in a finaliser":
        Dying()
        for _ in range(9999999):
            pass
    else:
        try:
            os.kill(os.getpid(), number)
            sum(range(9999))
        except KeyboardInterrupt:
            raise RuntimeError("the library's own") from None

if module == "the end":
    atexit.register(happen)
else:
    sys.meta_path.insert(0, Finder())
from stackctl.__main__ import main
main()
"""


def stackctl(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-c", "from stackctl.__main__ import main; main()", *words)


def ended(argv: tuple[str, ...], cwd: Path) -> tuple[int, str]:
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


# -- Ctrl-C and its like


@pytest.mark.parametrize("module", ["click", "stackctl.cli.running", "pydantic", "jinja2"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_while_a_module_loads_is_exit_130(tmp_path: Path, module: str, number: int) -> None:
    argv = (sys.executable, "-c", HAPPENING, module, "signal", str(int(number)), *RENDER)
    code, said = ended(argv, tmp_path)
    assert code == 130
    assert "Traceback" not in said
    assert "services:" not in said


@pytest.mark.parametrize("what", ["in a finaliser", "as another error"])
def test_one_that_a_library_swallows_or_makes_another_error_of_is_one_all_the_same(tmp_path: Path, what: str) -> None:
    code, said = ended((sys.executable, "-c", HAPPENING, "jinja2", what, str(int(signal.SIGINT)), *RENDER), tmp_path)
    assert (code, "error: interrupted" in said) == (130, True)
    assert "Traceback" not in said


@pytest.mark.parametrize(("words", "expected"), [(("schema",), 0), (("status",), 3), (("no-such",), 2)])
def test_one_that_comes_once_all_is_done_changes_nothing_of_the_exit_code(
    tmp_path: Path, words: tuple[str, ...], expected: int
) -> None:
    argv = (sys.executable, "-c", HAPPENING, "the end", "signal", str(int(signal.SIGINT)), *words)
    code, said = ended(argv, tmp_path)
    assert code == expected
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_at_a_random_moment_it_is_exit_130_without_a_traceback_of_ours(tmp_path: Path, number: signal.Signals) -> None:
    for _ in range(4):
        moment = random.uniform(0, 0.6)  # noqa: S311 - no secret
        with subprocess.Popen(stackctl(*RENDER), cwd=tmp_path, stdout=-1, stderr=-1, text=True) as process:
            time.sleep(moment)
            process.send_signal(number)
            out, said = process.communicate(timeout=60)
        # Python itself can't be interrupted well before it runs a line of ours, and after the last one all is said
        assert process.returncode in {130, -number, 1, 0}, (moment, said)
        assert str(PACKAGE) not in said, (moment, said)
        assert process.returncode != 1 or "site" in said, (moment, said)
        assert process.returncode != 0 or "services:" in out, (moment, said)


def test_what_was_started_to_ignore_them_does(tmp_path: Path) -> None:
    script = 'trap "" HUP INT; exec "$@"'
    argv = ("sh", "-c", script, "sh", sys.executable, "-c", HAPPENING, "jinja2", "signal", str(int(signal.SIGHUP)))
    assert ended((*argv, *RENDER), tmp_path)[0] == 0


# -- a lost terminal


@pytest.mark.parametrize("to", [">&-", ">/dev/full", "2>&-", "2>/dev/full", "<&-", ">&- 2>&- <&-", "| head -c1"])
@pytest.mark.parametrize(("words", "code"), [("--help", 0), ("schema", 0), ("status", 3), ("no-such", 2)])
def test_the_exit_code_is_that_of_the_work_whoever_reads(tmp_path: Path, words: str, code: int, to: str) -> None:
    out, _, pipe = to.partition("|")
    script = f'{{ "$0" -c "from stackctl.__main__ import main; main()" {words} {out}; echo $? >code; }}'
    script += f" |{pipe}" if pipe else ""
    said = ended(("sh", "-c", script, sys.executable), tmp_path)[1]
    assert (tmp_path / "code").read_text().strip() == str(code)
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    assert ("could not be printed: No space left on device" in said) == (to == ">/dev/full" and code == 0)


def test_a_closed_stdout_lends_its_number_to_no_file(tmp_path: Path) -> None:
    (tmp_path / "stack.toml").write_text("")
    ended(("sh", "-c", '"$@" >&- 2>&- <&-', "sh", *stackctl("render", "--model", "demo", "--gpu", "none")), tmp_path)
    assert (tmp_path / "compose.yml").read_text().startswith("#")


@pytest.mark.parametrize(("words", "code"), [(("status",), 3), (("-C", "{here}", "status"), 3), (("--help",), 0)])
def test_a_folder_that_was_removed_meanwhile_is_said(tmp_path: Path, words: tuple[str, ...], code: int) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    argv = stackctl(*(word.format(here=tmp_path) for word in words))
    got, said = ended(("sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh", *argv), gone)
    assert got == code
    assert "Traceback" not in said
    assert ("the current folder was removed" in said) == (words == ("status",))
    assert ("there is no stack in" in said) == (words[0] == "-C")


def test_all_of_stdout_that_was_read_is_whole(tmp_path: Path) -> None:
    """A stream of our own writes as Python's does, to a reader that is slow, too."""
    script = '"$@" | (sleep 1; cat)'
    code, said = ended(("sh", "-c", script, "sh", *stackctl("schema")), tmp_path)
    assert code == 0
    assert said == ended(stackctl("schema"), tmp_path)[1]
    assert len(said) > 10_000


def test_a_stdout_that_another_program_made_non_blocking_gets_all(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    with subprocess.Popen(stackctl("schema"), cwd=tmp_path, stdout=write, stderr=-1) as process:
        os.close(write)
        time.sleep(0.3)
        with os.fdopen(read, "rb") as reader:
            text = reader.read()
    assert process.returncode == 0
    assert text.decode() == ended(stackctl("schema"), tmp_path)[1]


def test_with_pythonunbuffered_each_line_comes_at_once(tmp_path: Path) -> None:
    script = "from stackctl import ui; ui.keep_outputs(); ui.Ui().status('one'); import os; os._exit(0)"
    argv = [sys.executable, "-u", "-c", script]
    assert subprocess.run(argv, cwd=tmp_path, stderr=-1, text=True, check=True).stderr == "  … one\n"
