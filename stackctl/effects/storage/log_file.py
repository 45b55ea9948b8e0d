"""Reads a log with bounds: its beginning and its end, from a file or from a pipe."""

import io
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from stackctl.core.explain.log_text import LogText, decode, why_no_text
from stackctl.errors import ConfigError

_HEAD, _TAIL = 512 << 10, 1536 << 10  # bytes of a log that are read
_MOST: Final = 1 << 30  # bytes of a pipe, which may never end
_STEP: Final = 256 << 10
STDIN: Final = "-"
_HINT: Final = "Name a log file, or pipe one in: `docker compose logs | stackctl explain -`."


def read_log(wanted: str, path: Path) -> LogText:
    """Return a log. wanted: as the user names it, "-" for stdin; raise ConfigError for what can't be read as text."""
    try:
        if wanted == STDIN:
            return _read_stdin()
        # a device may wait for something when it is opened; a pipe has to wait for its writer
        waits = stat.S_ISFIFO(path.stat().st_mode)
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | (0 if waits else os.O_NONBLOCK))
        try:
            return _read(descriptor, wanted)
        finally:
            os.close(descriptor)
    except OSError as e:
        raise ConfigError(f"{wanted} can't be read: {e.strerror}", hint=_HINT) from e


def _read_stdin() -> LogText:
    try:
        descriptor = sys.stdin.fileno()
    except io.UnsupportedOperation:  # it is no file of the system
        return _log("stdin", *_stream(sys.stdin.buffer.read))
    return _read(descriptor, "stdin")


def _read(descriptor: int, name: str) -> LogText:
    found = os.fstat(descriptor)
    if stat.S_ISDIR(found.st_mode):
        raise ConfigError(f"{name} is a folder, and no log", hint=_HINT)
    if name != "stdin" and stat.S_ISCHR(found.st_mode) | stat.S_ISBLK(found.st_mode):  # /dev/zero never ends
        raise ConfigError(f"{name} is a device, and no log", hint=_HINT)
    if stat.S_ISREG(found.st_mode) and found.st_size > _HEAD + _TAIL:
        raw, tail, size = os.pread(descriptor, _HEAD, 0), _end(descriptor, found.st_size), found.st_size
    else:
        # /proc/kmsg is a file that waits for more at its end; a pipe has to wait for its writer
        waits = name == "stdin" or not stat.S_ISREG(found.st_mode)
        if waits:
            os.set_blocking(descriptor, True)
        raw, tail, size = _stream(lambda most: os.read(descriptor, most) if waits else now(descriptor, most))
    return _log(name, raw, tail, size)


def now(descriptor: int, most: int) -> bytes:
    """Return what is there; b"" where more would have to be waited for."""
    try:
        return os.read(descriptor, most)
    except BlockingIOError:
        return b""


def _log(name: str, raw: bytes, tail: bytes, size: int) -> LogText:
    says, hint = why_no_text(raw)
    if says:
        raise ConfigError(f"{name} is no text: {says}", hint=hint)
    return LogText(name=name, head=decode(raw), tail=decode(tail), size=size)


def _end(descriptor: int, size: int) -> bytes:
    """Return the last bytes of a file, from the beginning of a line if one begins there."""
    at = (size - _TAIL) & ~1  # so that no character of UTF-16 is torn
    raw = os.pread(descriptor, _TAIL + 1, at)
    _, found, rest = raw[:_STEP].partition(b"\n")
    return rest + raw[_STEP:] if found else raw


def _stream(read: Callable[[int], bytes]) -> tuple[bytes, bytes, int]:
    """Return the beginning, the end, and how many bytes came."""
    head, tail, size = bytearray(), bytearray(), 0
    while size < _MOST:
        part = read(_STEP)
        if not part:
            break
        size += len(part)
        room = _HEAD + _TAIL - len(head) if not tail else 0
        head += part[:room]
        tail += part[room:]
        if len(tail) > 2 * _TAIL:
            del tail[:-_TAIL]
    if not tail:
        return bytes(head), b"", size
    del tail[:-_TAIL]
    return bytes(head[:_HEAD]), bytes(tail), size
