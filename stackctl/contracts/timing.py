"""What a log line of a backend says of the reply that it belongs to."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What one line says. None: it does not say that; times in seconds, lengths in tokens.

    begins, ends: it is the first or the last line on a reply. prompt: the whole prompt; kept: how much of that was
    still there from the reply before; read: how much was read for this one.
    """

    begins: bool = False
    ends: bool = False
    prompt: int | None = None
    kept: int | None = None
    read: int | None = None
    read_s: float | None = None
    written: int | None = None
    written_s: float | None = None
    whole_s: float | None = None  # for reading and writing together
    cant_go_back: bool = False  # the model's memory can't be cut where the prompt changed, so that all of it is read
    shifted: int = 0  # tokens that the program left out of the middle, so that the rest could stay
    wakes: bool = False  # the model is loaded again for it
