"""A folder that does not answer is told from one that is not there."""

import threading
from pathlib import Path
from typing import cast

from stackctl.effects.storage.answering import answers


def test_what_is_there_and_what_is_not_answers(tmp_path: Path) -> None:
    assert answers(tmp_path, 10.0)
    assert answers(tmp_path / "none", 10.0)
    assert answers(Path("\0"), 10.0)


def test_a_look_that_does_not_end_is_no_answer() -> None:
    gone = threading.Event()

    class Gone:
        def stat(self) -> None:
            gone.wait()

    try:
        assert not answers(cast("Path", Gone()), 0.01)
    finally:
        gone.set()
