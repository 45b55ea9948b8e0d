"""A hash that keeps up with a download in a thread of its own: while one core reads and writes, another one hashes."""

import threading
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from hashlib import _Hash

_AHEAD: Final = 256  # chunks, of 64 KiB mostly, that may wait


class Hashing:
    """Takes chunks in order; leaving it waits until all of them are in `digest`."""

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
        """Hash a chunk soon; an empty one is nothing."""
        if chunk:
            self._room.acquire()
            self._waiting.put(chunk)

    def _work(self) -> None:
        while chunk := self._waiting.get():
            self._digest.update(chunk)
            self._room.release()
