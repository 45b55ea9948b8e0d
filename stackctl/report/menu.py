"""The menu of models, as text for a terminal."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from stackctl.report.recommend import LIES, THINKS

if TYPE_CHECKING:
    from stackctl.core.advice.menu import Difference, Offer, Role
    from stackctl.core.advice.suggestion import Suggestion

_TITLES: Final["dict[Role, str]"] = {"best": "best", "faster": "faster", "other": "another flavour"}
_DIFFERENCES: Final["dict[Difference, str]"] = {
    "line": "another base model",
    "refuses less": "refuses less",
    "thinks": "can think first",
    "does not think": "answers without thinking",
    "language": "another first language",
}


def menu(offers: "Sequence[Offer]") -> list[str]:
    """Return the lines of a menu, whose keys are 1 and so on."""
    return [line for number, offer in enumerate(offers, 1) for line in _lines(number, offer)]


def _lines(number: int, offer: "Offer") -> "Iterator[str]":
    one = offer.model
    yield f"  {number}  {_TITLES[offer.role]}: {one.name} at {one.form}"
    if offer.differs:
        yield f"     {', '.join(_DIFFERENCES[each] for each in offer.differs)}"
    yield f"     {one.size / 1e9:.1f} GB to download, context {one.context}, {_speed(one)}"
    yield f"     {_memory(one)}"
    known = (
        one.licence and f"licence {one.licence}",
        one.thinking and f"thinks: {THINKS[one.thinking]}",
        one.refuses and f"refuses: {one.refuses}",
    )
    if any(known):
        yield f"     {'; '.join(each for each in known if each)}"


def _speed(one: "Suggestion") -> str:
    begins, later = _rate(one.choice.tokens_per_s), _rate(one.tokens_per_s)
    return f"about {begins} tokens/s{f' ({later} in a long chat)' if later != begins else ''}"


def _rate(tokens_per_s: float) -> str:
    return f"{tokens_per_s:.0f}" if tokens_per_s >= 10 else f"{tokens_per_s:.1f}"


def _memory(one: "Suggestion") -> str:
    room = one.choice.room
    ram = f"RAM {one.ram_mib / 1024:.1f} of {room.ram_mib / 1024:.1f} GiB free"
    gpus = f"GPU {one.vram_mib / 1024:.1f} of {sum(room.gpus_mib) / 1024:.1f} GiB free, " if one.vram_mib else ""
    return f"{LIES[one.lies]}: {gpus}{ram}"
