"""What goes on until Ctrl-C: status --watch and logs -f."""

import json
import os
import pty
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.e2e.conftest import Stack
from tests.e2e.failing import lasting

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, installed: Path, own_images: None) -> Iterator[Stack]:
    """One stack for all of these tests."""
    del own_images
    with lasting(tmp_path_factory.mktemp("following") / "t-following", installed) as one:
        one.deploy("--no-proof")
        yield one


@contextmanager
def following(stack: Stack, *words: str) -> Iterator[IO[str]]:
    """The output of a command that ends by Ctrl-C alone, in a process group of its own as on a terminal."""
    with subprocess.Popen(
        [str(stack.program), *words],
        cwd=stack.folder,
        env={**os.environ, **stack.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        assert process.stderr
        too_late = threading.Timer(120, os.killpg, (process.pid, signal.SIGKILL))
        too_late.start()
        try:
            yield process.stdout
            os.killpg(process.pid, signal.SIGINT)
            _, said = process.communicate()
        finally:
            too_late.cancel()
            if process.poll() is None:
                process.kill()
    assert (process.returncode, said.strip()) == (130, "")


def shown(output: IO[str]) -> Iterator[tuple[bool, dict[str, str]]]:
    """What `status --watch --json` shows, one after the other: ready, and each service's state and health."""
    for line in output:
        found = json.loads(line)
        yield found["ready"], {s["name"]: f"{s['state']} {s['health'] or ''}" for s in found["services"]}


def test_status_watches_until_ctrl_c_and_shows_each_change_once(stack: Stack) -> None:
    with following(stack, "status", "--watch", "--json") as output:
        seen = shown(output)
        assert next(seen) == (True, {"llamacpp": "running healthy", "sillytavern": "running healthy"})
        stack.run("stop", "llamacpp")
        changes = [next(seen)]
        while "exited" not in changes[-1][1]["llamacpp"]:
            changes.append(next(seen))
        stack.run("start", "llamacpp")
        while not changes[-1][0]:
            changes.append(next(seen))
    assert changes.count((False, {"llamacpp": "exited ", "sillytavern": "running healthy"})) == 1


def test_logs_follow_until_ctrl_c_and_take_a_number_of_lines(stack: Stack) -> None:
    with following(stack, "logs", "-f", "--tail", "1", "sillytavern") as output:
        assert output.readline()
        port = stack.inspect("sillytavern")["HostConfig"]["PortBindings"]["8000/tcp"][0]["HostPort"]
        subprocess.run(["curl", "-s", "-o", "/dev/null", "-A", "somebody-new", f"http://127.0.0.1:{port}/"], check=True)
        assert any("somebody-new" in line for line in output)
    assert len(stack.run("logs", "--tail", "2", "llamacpp").stdout.splitlines()) == 2
    assert "is not a number of lines; write a number or all" in stack.run("logs", "--tail", "x", check=False).stderr


def test_logs_let_nothing_through_that_a_terminal_would_obey(stack: Stack) -> None:
    attack = r"attack 10 %%\r20 %% \033]52;c;aGk=\007\033[2J\033[31mred\033[0m \342\200\256\302\2332J\n"
    shown = r"attack 10 %\r20 % red \u202e\x9b2J"
    with following(stack, "logs", "-f", "--tail", "1", "sillytavern") as output:
        assert output.readline()
        stack.docker("exec", stack.container("sillytavern"), "sh", "-c", f"printf '{attack}' >/proc/1/fd/1")
        assert next(line for line in output if "attack" in line).endswith(f"| {shown}\n")
    kept = stack.run("logs", "--tail", "all", "sillytavern").stdout
    assert shown in kept
    assert not {"\x1b", "\r", "\x07", "\x9b", "\u202e"} & set(kept)


@contextmanager
def terminal(stack: Stack, *words: str) -> Iterator[Callable[[str], str]]:
    """A command on a terminal of 24 lines of 80 cells. What is given reads on until a text is there."""
    leader, follower = pty.openpty()
    os.set_inheritable(follower, True)
    environment = {**os.environ, **stack.environment, "TERM": "xterm", "LINES": "24", "COLUMNS": "80"}
    subprocess.run(["stty", "rows", "24", "cols", "80"], stdin=follower, check=True)
    process = subprocess.Popen(
        [str(stack.program), *words],
        cwd=stack.folder, env=environment, stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
    )  # fmt: skip
    os.close(follower)
    seen = ""

    def until(text: str) -> str:
        nonlocal seen
        end = time.monotonic() + 60
        while text not in seen:
            assert time.monotonic() < end, seen
            seen += os.read(leader, 65_536).decode()
        return seen

    try:
        yield until
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) == 130
    finally:
        process.kill()
        os.close(leader)


def test_on_a_terminal_it_is_drawn_again_in_its_place_with_the_pace_of_a_generation(stack: Stack) -> None:
    with terminal(stack, "status", "--watch") as until:
        first = until("next: Open ")
        height = first.count("\n")
        stack.run("smoke", "--only", "reply")
        seen = until("tokens/s in the answer seen last")
    moves = [int(rows) for rows in re.findall(r"\x1b\[(\d+)A", seen)]
    assert moves
    assert set(moves) <= {height, height + 1}, "each frame begins where the one before began"
    assert max(map(len, seen.splitlines())) < 120
