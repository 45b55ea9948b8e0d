"""Part of the stand-in for KoboldCpp, for tests, never what a user gets: llama.cpp's lines while a model loads."""

from __future__ import annotations

import re
from typing import IO, Final

DOTS: Final = 100  # one per percent, as llama.cpp's own progress callback prints them
_LIBRARY_LINE: Final = re.compile(
    rb"^(?:[\d.]+ )?(?:[IWED] )?((?:llama_|load_tensors:|print_info:|load:|gguf_|ggml_|sched_reserve:).*\n)$"
)


class LoadingLog:
    """Passes on what the library says, without the server's own lines; a row of dots stands for the weights."""

    def __init__(self, out: IO[bytes]) -> None:
        self.out = out
        self._held = b""
        self._dots: int | None = None

    def take(self, piece: bytes) -> None:
        *lines, self._held = (self._held + piece).splitlines(keepends=True) or [b""]
        if self._held.endswith(b"\n"):
            lines, self._held = [*lines, self._held], b""
        for line in lines:
            if matched := _LIBRARY_LINE.match(line):
                self._pass_on(matched[1])

    def _pass_on(self, line: bytes) -> None:
        if self._dots is not None and not line.startswith(b"load_tensors:"):
            self.out.write(b"." * (DOTS - self._dots) + b"\n")
            self._dots = None
        self.out.write(line)
        if line.startswith(b"load_tensors:") and b"buffer size" in line:
            self._dots = self._dots or 0
        self.out.flush()

    def tick(self) -> None:
        """A dot per look while the weights come in: the server that we ask tells no percentage."""
        if self._dots is not None and self._dots < DOTS - 1:
            self._dots += 1
            self.out.write(b".")
            self.out.flush()
