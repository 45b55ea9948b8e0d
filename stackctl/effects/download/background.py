"""Work beside a download, in separate threads: while one core reads and writes, another one hashes, and the disk
flushes what was written."""

import os
import threading
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from hashlib import _Hash

_AHEAD: Final = 16  # chunks, each of 1 MiB at most, that may wait
_AT_ONCE: Final = 64 << 20  # bytes after which a flush is worth it


class Hashing:
    """Hashes chunks in order; leaving the context waits until all of them are in `digest`."""

    def __init__(self, digest: "_Hash") -> None:
        self._digest = digest
        self._waiting: SimpleQueue[bytes] = SimpleQueue()
        self._room = threading.Semaphore(_AHEAD)
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.put(b"")
        self._thread.join()

    def update(self, chunk: bytes) -> None:
        """Queue a chunk for hashing; an empty one is ignored."""
        if chunk:
            self._room.acquire()
            self._waiting.put(chunk)

    def _work(self) -> None:
        while chunk := self._waiting.get():
            self._digest.update(chunk)
            self._room.release()


class Flushing:
    """Flushes what was written to the disk meanwhile, so that the final flush is short.

    An error of the disk is raised by wrote() or on leaving, because a later flush does not report it again (fsync(2)).
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._written, self._is_over = 0, False
        self._due = threading.Event()
        self._refusal: OSError | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        self._due.set()
        self._thread.join()
        if error is None:
            self.wrote(0)

    def wrote(self, size: int) -> None:
        """Count bytes that were written; raise the disk's error, if there was one."""
        if self._refusal:
            raise self._refusal
        self._written += size
        if self._written >= _AT_ONCE:
            self._written = 0
            self._due.set()

    def _work(self) -> None:
        while self._due.wait() and not self._is_over:
            self._due.clear()
            try:
                os.fdatasync(self._descriptor)
            except OSError as e:
                self._refusal = e
                return
