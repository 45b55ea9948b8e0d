"""What the stacks of a machine hold, with a stand-in for NVIDIA's library: `status` and `ls`."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Stack
from tests.e2e.failing import within
from tests.standins import nvml

pytestmark = [pytest.mark.engine, pytest.mark.machines]
CARD = 12_288  # MiB; the stand-in's process holds a quarter of them


def held_by(pid: int, stack: Stack, library: Path) -> Stack:
    """The stack on a machine with a GPU of which a process holds memory."""
    return within(stack, LD_LIBRARY_PATH=str(library), STANDIN_NVML_MIB=str(CARD), STANDIN_NVML_HELD=str(pid))


def answer(stack: Stack, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stack.run(*words, "--json").stdout)
    return found


def test_two_stacks_are_listed_with_what_each_holds_also_once_a_folder_is_gone(
    new_stack: Callable[..., Stack], tmp_path: Path
) -> None:
    library = nvml.build(tmp_path)
    one, other = new_stack("-one"), new_stack("-other")
    for stack in (one, other):
        stack.deploy("--no-proof")
    seeing = held_by(other.inspect("llamacpp")["State"]["Pid"], one, library)
    found = {row["name"]: row for row in answer(seeing, "ls")["stacks"]}
    assert [(found[name]["state"], found[name]["vram_mib"]) for name in (one.name, other.name)] == [
        ("ready", 0),
        ("ready", CARD // 4),
    ]
    assert all(found[stack.name]["ram_mib"] > 0 for stack in (one, other))
    assert [found[stack.name]["url"] for stack in (one, other)] == [answer(s, "status")["url"] for s in (one, other)]
    for stack, own, others in ((one, 0, 1), (other, CARD // 4, 0)):
        (gpu,) = answer(within(stack, **seeing.environment), "status")["memory"]["gpus"]
        assert (gpu["own_mib"], len(gpu["others"])) == (own, others)
    (gpu,) = answer(held_by(os.getpid(), one, library), "status")["memory"]["gpus"]
    assert (gpu["own_mib"], [holder["pid"] for holder in gpu["others"]]) == (0, [os.getpid()])

    other.run("stop")
    other.folder.rename(other.folder.with_name("gone"))
    row = next(row for row in answer(seeing, "ls")["stacks"] if row["name"] == other.name)
    assert (row["state"], row["folder_gone"], row["vram_mib"], row["url"]) == ("stopped", True, 0, None)
    assert f"{other.folder} (the folder was removed or moved)" in one.run("ls").stdout
