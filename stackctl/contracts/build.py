"""One version of a backend's program."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Build:
    """A version of a backend's program, as stackctl knows it.

    name: as the program's makers or packagers call it: b9191, 1.122.1, debian. number: as the program itself counts,
    0 if it does not. is_tried: stackctl's makers ran it.
    """

    name: str
    number: int = 0
    is_tried: bool = False
