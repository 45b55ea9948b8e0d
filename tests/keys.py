"""A command on a terminal whose menu is answered by keys, as by a person who reads the question first."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

QUESTION = b"Press "
# the terminal controls the process, which is hung up when it is closed
_CONTROLLED = """import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def press(
    argv: Sequence[str],
    folder: Path,
    *keys: str | None,
    environment: Mapping[str, str],
    before: str = "",
    columns: int = 80,
    latest_s: float = 60,
) -> tuple[int, str]:
    """Return the exit code, and what the terminal got.

    keys: one for each time that is asked; None: the terminal is closed. before: what was typed before the command ran.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    os.write(ours, before.encode())
    got, left, until = b"", list(keys), time.monotonic() + latest_s
    with subprocess.Popen(
        [sys.executable, "-c", _CONTROLLED, *argv],
        cwd=folder,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        while True:
            if not select.select([ours], [], [], max(0, until - time.monotonic()))[0]:
                process.kill()
                pytest.fail(f"it still waits, with the keys {left} left:\n{got.decode()}", pytrace=False)
            try:
                got += os.read(ours, 10_000)
            except OSError:  # as Linux says that the other end is closed
                break
            if left and got.count(QUESTION) > len(keys) - len(left) and _waits_for_a_key(ours, until):
                key = left.pop(0)
                if key is None:
                    break
                os.write(ours, key.encode())
        os.close(ours)
    return process.returncode, got.decode().replace("\r\n", "\n")


def _waits_for_a_key(terminal: int, until: float) -> bool:
    """Return whether keys are read one by one by now: what is typed before that is thrown away."""
    while is_cooked := termios.tcgetattr(terminal)[3] & termios.ICANON:
        if time.monotonic() > until:
            break
        time.sleep(0.01)
    return not is_cooked
