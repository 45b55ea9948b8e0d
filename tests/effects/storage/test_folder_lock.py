"""One stackctl at a time works in a folder; the next one waits, and says for whom."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stackctl.effects.storage import folder_lock
from stackctl.errors import EngineError


@contextmanager
def lock_of(folder: Path) -> Iterator[tuple[int, Path]]:
    """The folder's lock, opened as by a process of its own."""
    path = folder / ".stackctl" / "lock"
    path.parent.mkdir(exist_ok=True)
    above = os.open(path.parent, os.O_RDONLY)
    number = folder_lock.opened(above, path)
    try:
        yield number, path
    finally:
        os.close(number)
        os.close(above)


def test_the_second_waits_and_says_for_whom_and_goes_on_once_the_first_has_ended(tmp_path: Path) -> None:
    with lock_of(tmp_path) as (first, path), lock_of(tmp_path) as (second, _):
        folder_lock.take(first, path, lambda _: None, 0)
        folder_lock.note(first)
        said = []

        def says(text: str) -> None:
            said.append(text)
            fcntl.flock(first, fcntl.LOCK_UN)  # as the end of its process does, however it came

        folder_lock.take(second, path, says, 20)
    words = f"another stackctl (process {os.getpid()}) is at work in this folder; waiting for it to finish"
    assert said == [words]


def test_nobody_is_waited_for_without_end(tmp_path: Path) -> None:
    with lock_of(tmp_path) as (first, path), lock_of(tmp_path) as (second, _):
        folder_lock.take(first, path, lambda _: None, 0)
        with pytest.raises(EngineError, match=rf"another stackctl \(process \?\) still holds {tmp_path}"):
            folder_lock.take(second, path, lambda _: None, 0)
