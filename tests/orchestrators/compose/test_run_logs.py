"""Output that is Compose's to format is handed on as it comes; its exit code is kept, and it never outlives us."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from stackctl.effects.storage import Folder, owner_of
from stackctl.orchestrators.compose.run import Compose


@pytest.fixture
def compose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Compose]:
    """Makes a Compose whose `docker` is a script: it notes its pid, and goes on with these lines."""

    def make(lines: str) -> Compose:
        script = f'#!/bin/sh\n[ "$2" = version ] && echo 2.40.3 && exit\ncd {tmp_path}\necho $$ >pid\n{lines}\n'
        (tmp_path / "docker").write_text(script)
        (tmp_path / "docker").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.defpath}")
        return Compose(Folder(tmp_path, owner_of(tmp_path)), print)

    return make


def test_lines_arrive_whole_and_in_order_and_the_exit_code_is_kept(compose: Callable[[str], Compose]) -> None:
    found: list[str] = []
    made = compose(r"printf 'a  b\n\033[36mc\033[0m\rd\n\377\n\n'; printf 'no end'; echo mine >&2; exit 5")
    assert made.pass_through("chat", "logs", out=found.append, coloured=False) == 5
    assert found == ["a  b\n", "\033[36mc\033[0m\rd\n", "\ufffd\n", "\n", "no end"]


@pytest.mark.parametrize(("coloured", "ansi"), [(True, "always"), (False, "never")])
def test_colours_are_asked_for_before_the_command(compose: Callable[[str], Compose], coloured: bool, ansi: str) -> None:
    found: list[str] = []
    compose('echo "$@"').pass_through("chat", "logs", "-f", "--tail", "9", out=found.append, coloured=coloured)
    assert found == [f"compose --ansi {ansi} -p chat logs -f --tail 9\n"]


def test_a_line_is_there_before_the_next_one_is_written(compose: Callable[[str], Compose], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    found: list[str] = []

    def take(line: str) -> None:
        found.append(line)
        if len(found) == 1:  # the script writes the second one only after this
            (tmp_path / "go").write_text("go")

    assert compose("echo 1; read x <go; echo 2").pass_through("chat", "logs", out=take, coloured=False) == 0
    assert found == ["1\n", "2\n"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, BrokenPipeError])
def test_it_ends_with_us(compose: Callable[[str], Compose], tmp_path: Path, error: type[BaseException]) -> None:
    def take(_: str) -> None:
        raise error

    with pytest.raises(error):
        compose("echo 1; exec sleep 600").pass_through("chat", "logs", out=take, coloured=False)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGCONT)
