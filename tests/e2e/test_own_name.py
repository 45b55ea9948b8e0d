"""One name, one folder: a moved folder keeps its stack, and of two folders with one name one has it."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.e2e.conftest import Stack, free_port
from tests.e2e.failing import hint, ids

pytestmark = [pytest.mark.engine, pytest.mark.chaos]


def test_a_moved_folder_is_taken_over_with_its_chats(stack: Stack) -> None:
    stack.deploy("--no-proof")
    chat = "sillytavern/data/default-user/chats/Seraphina/one.jsonl"
    (stack.folder / chat).parent.mkdir(parents=True, exist_ok=True)
    (stack.folder / chat).write_text("a chat")
    there = replace(stack, folder=stack.folder.rename(stack.folder.with_name("moved")))
    assert json.loads(there.run("status", "--json").stdout)["name"] == stack.name
    assert "Run `stackctl deploy` to recreate them here" in hint(there.fails(3, "start"))
    before = ids(stack)
    there.deploy("--no-proof")
    after = ids(stack)
    assert len(after) == len(before) == 2
    for service in ("llamacpp", "sillytavern"):
        found = replace(stack).inspect(service)
        assert found["State"]["Running"]
        assert not [one for one in found["Mounts"] if one["Source"].startswith(f"{stack.folder}/")]
    assert (there.folder / chat).read_text() == "a chat"
    there.run("stop")
    there.run("start")
    there.run("down")
    assert ids(stack) == []


def test_of_two_folders_with_one_name_at_once_one_comes_up_and_the_other_touches_nothing(
    new_stack: Callable[..., Stack],
) -> None:
    one, other = new_stack("-one"), new_stack("-other")
    words = ("deploy", "--images", "own", "--no-proof", "--name", one.name)
    running = [
        subprocess.Popen(
            [str(stack.program), *stack.words(*words, "--port", str(free_port()))],
            cwd=stack.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for stack in (one, other)
    ]  # fmt: skip
    said = ["".join(process.communicate(timeout=300)) for process in running]
    codes = [process.returncode for process in running]
    assert sorted(codes) == [0, 3], said
    winner, loser = (one, other) if codes[0] == 0 else (other, one)
    assert f"belongs to the stack in {winner.folder}" in said[codes.index(3)]
    assert not (loser.folder / "compose.yml").exists()
    assert json.loads(winner.run("status", "--json").stdout)["ready"]
