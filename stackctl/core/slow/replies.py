"""The last replies of a backend, put together from the lines of its log; and what was read again for them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

from stackctl.contracts.timing import Timing

COUNTED: Final = 10  # the last replies are averaged
_SAME: Final = 64  # tokens that differ without a meaning: the end of a reply is read once more, and cut at its end
_FULL: Final = 0.9  # of the context: SillyTavern fills it up to the reply's length, then leaves out old messages
_BEGINNING: Final = 0.1  # of a prompt
_ANOTHER: Final = 0.5  # of a prompt

# why a prompt was read again
Why = Literal["cant go back", "not kept", "context full", "beginning", "middle", "asleep"]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One reply. kept, read: tokens of its prompt; None if the log does not tell. again: tokens that were read again.

    again: of those that were read, the ones that the prompt before it or its reply had already.
    """

    prompt: int
    kept: int | None = None
    read: int | None = None
    read_s: float | None = None
    written: int = 0
    written_s: float | None = None
    whole_s: float = 0.0
    again: int = 0
    why: Why | None = None
    shifted: int = 0
    woke: bool = False

    @property
    def again_s(self) -> float:
        """Return the seconds in which it read again what was read before."""
        return (self.read_s or 0.0) * self.again / self.read if self.read else 0.0


def replies_of(lines: Iterable[str], timing: Callable[[str], Timing | None], context: int) -> tuple[Reply, ...]:
    """Return the replies that a log shows, the oldest first. context: of the backend, in tokens; 0 if unknown."""
    found: list[Reply] = []
    open_, wakes = Timing(), False
    for line in lines:
        said = timing(line)
        if said is None:
            continue
        if said.wakes:
            open_, wakes = Timing(), True
            continue
        open_ = said if said.begins else _joined(open_, said)
        if said.ends:
            if reply := _reply(open_, found[-1] if found else None, context, woke=wakes):
                found.append(reply)
                wakes = False
            open_ = Timing()
    return tuple(found)


def _joined(before: Timing, said: Timing) -> Timing:
    """Return what both say. What is kept of a prompt is said first: later, the batches that were read count as well."""
    return Timing(
        prompt=before.prompt if said.prompt is None else said.prompt,
        kept=said.kept if before.kept is None else before.kept,
        read=before.read if said.read is None else said.read,
        read_s=before.read_s if said.read_s is None else said.read_s,
        written=before.written if said.written is None else said.written,
        written_s=before.written_s if said.written_s is None else said.written_s,
        whole_s=before.whole_s if said.whole_s is None else said.whole_s,
        cant_go_back=before.cant_go_back or said.cant_go_back,
        shifted=before.shifted + said.shifted,
    )


def _reply(said: Timing, before: Reply | None, context: int, *, woke: bool) -> Reply | None:
    """Return the reply of all that was said of it; None without a token of it, as a check of its health has none."""
    kept, read, prompt = said.kept, said.read, said.prompt
    if prompt is None:
        prompt = (kept or 0) + (read or 0)
    if kept is None and read is not None:
        kept = max(0, prompt - read)
    parts = (said.read_s or 0.0) + (said.written_s or 0.0)
    if not said.written or not (said.whole_s or parts):
        return None
    one = Reply(
        prompt=prompt,
        kept=kept,
        read=read,
        read_s=said.read_s,
        written=said.written,
        written_s=said.written_s,
        whole_s=said.whole_s or parts,
        shifted=said.shifted,
        woke=woke,
    )
    again = _again(one, before)
    return replace(one, again=again, why=_why(one, said, before, context) if again else None)


def _again(one: Reply, before: Reply | None) -> int:
    """Return how many tokens were read that the prompt before or its reply had already."""
    if before is None or one.read is None:
        return 0
    had = before.prompt + before.written
    if (one.kept or 0) < _BEGINNING * one.prompt and had < _ANOTHER * one.prompt:
        return 0  # the first message of another chat
    again = one.read - max(0, one.prompt - had)
    return again if again > _SAME else 0


def _why(one: Reply, said: Timing, before: Reply | None, context: int) -> Why:
    kept, prompt = one.kept or 0, max(1, one.prompt)
    if one.woke:
        return "asleep"
    if said.cant_go_back:
        return "cant go back"
    if context and one.prompt + one.written >= _FULL * context and kept >= 2:
        return "context full"
    if not kept and before and before.prompt:
        return "not kept"
    return "beginning" if kept < _BEGINNING * prompt else "middle"


def counted(found: tuple[Reply, ...]) -> tuple[Reply, ...]:
    """Return the last replies, without the first one after the start if there are others: it has to read all."""
    return found[1:][-COUNTED:] if len(found) > 1 else found
