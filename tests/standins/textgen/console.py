"""Part of the stand-in for text-generation-webui, for tests, never what a user gets: its log lines.

The real one logs through rich: time, level and a message that is broken at the console's width, which is 80 where
there is no terminal and COLUMNS says nothing else. Whoever looks for words in that log meets them on two lines.
"""

from __future__ import annotations

import datetime
import os
import sys
from collections.abc import Sequence
from typing import Final

_BEFORE_MESSAGE: Final = 25  # `21:05:02-123456 ERROR    `


def wrapped(message: str, width: int) -> list[str]:
    """Lines of at most `width`: a word that is longer begins a line of its own and is cut."""
    lines: list[str] = []
    for paragraph in message.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            joined = f"{line} {word}" if line else word
            if len(joined) <= width:
                line = joined
                continue
            if line:
                lines.append(line)
            while len(word) > width:
                lines.append(word[:width])
                word = word[width:]  # noqa: PLW2901
            line = word
        lines.append(line)
    return lines


def log(level: str, message: str) -> None:
    columns = int(os.environ.get("COLUMNS") or 80)
    stamp = datetime.datetime.now(tz=datetime.UTC).strftime("%H:%M:%S-%f")
    head = f"{stamp} {level:<8} "
    for line in wrapped(message, columns - _BEFORE_MESSAGE):
        print(f"{head}{line}".ljust(columns))
        head = " " * _BEFORE_MESSAGE
    sys.stdout.flush()


def traceback(frames: Sequence[str], last: str) -> None:
    """As rich draws one: the frames in a box as wide as the console, and below it the exception, on broken lines."""
    columns = int(os.environ.get("COLUMNS") or 80)
    title = " Traceback (most recent call last) "
    print(f"╭{title.center(columns - 2, '─')}╮")
    for frame in frames:
        print(f"│ {frame[: columns - 4]:<{columns - 4}} │")
    print(f"╰{'─' * (columns - 2)}╯")
    for line in wrapped(last, columns):
        print(line)
    sys.stdout.flush()


def info(message: str) -> None:
    log("INFO", message)


def warning(message: str) -> None:
    log("WARNING", message)


def error(message: str) -> None:
    log("ERROR", message)
