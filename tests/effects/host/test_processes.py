"""Which process started which."""

import os
from pathlib import Path

import pytest

from stackctl.effects.host.processes import ancestors


def test_a_process_is_followed_up_to_the_first_one() -> None:
    assert ancestors(os.getpid())[:2] == (os.getpid(), os.getppid())
    assert ancestors(2**22 + 1) == ()


@pytest.mark.parametrize("name", ["llama-server", ") S 1 (", "a b\n) 9 9"])
def test_a_programs_name_may_look_like_the_fields_behind_it(tmp_path: Path, name: str) -> None:
    for process, parent in ((70, 60), (60, 1), (1, 0)):
        (tmp_path / str(process)).mkdir()
        (tmp_path / str(process) / "stat").write_text(f"{process} ({name}) S {parent} 1 1 0 -1")
    assert ancestors(70, tmp_path) == (70, 60, 1)
