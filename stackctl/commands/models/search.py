"""`stackctl models search`: the hub's own search, and for each hit whether it runs on this machine."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Event
from typing import Final, TypeVar

from stackctl.commands.models.fit import Asked, free_memory, settings_for
from stackctl.core.advice.hits import Judged, best_of
from stackctl.core.advice.ranking import least
from stackctl.core.advice.suggestion import Suggestion
from stackctl.core.hub.pages import repo_of
from stackctl.core.hub.search import LONGEST_WORDS, Hit, Query
from stackctl.core.hub.waiting import in_words
from stackctl.errors import ConfigError, TooManyRequests
from stackctl.machine import Machine
from stackctl.steps.models.catalogue import newest
from stackctl.steps.models.judge_hit import Terms, judge

_AT_ONCE: Final = 4  # hits that are judged at the same time
_PATIENCE_S: Final = 120.0  # for the next verdict; a header takes some seconds on a slow line
_LONGEST_WAIT_S: Final = 60.0  # for a rate limit; beyond it the user decides
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Found:
    """The hits in the hub's order, judged as far as the hub allowed it.

    left_out: hits that do not run, where only those that run were asked for. not_tried: hits that are not judged.
    stopped: why some are not; None if all are. in_catalogue: names of repositories that stackctl's catalogue has, too.
    """

    query: Query
    judged: tuple[Judged, ...]
    best: Suggestion | None = None
    left_out: int = 0
    stopped: TooManyRequests | None = None
    in_catalogue: frozenset[str] = frozenset()


def search(
    machine: Machine,
    query: Query,
    asked: Asked,
    *,
    only_running: bool = False,
    pause: Callable[[float], None] = time.sleep,
    patience_s: float = _PATIENCE_S,
) -> Found:
    """Ask the hub and judge each hit. only_running: leave out what does not run here.

    A rate limit is waited for once if it is short; if it is not, what was judged so far is returned. Raise
    TooManyRequests if that is nothing, and ModelError if the hub can't be asked.
    """
    if len(query.words) > LONGEST_WORDS:
        raise ConfigError(
            f"the words to search for are longer than {LONGEST_WORDS} characters", hint="Name a model in fewer words."
        )
    hits = _patient(machine, lambda: machine.hub.search(query), pause)
    free = free_memory(machine, asked)
    stack = asked.stack(machine, on_gpu=bool(free.gpus_mib))
    floor, catalogue = least(free, asked.context), newest(machine)
    terms = Terms(
        free=free,
        stack=stack,
        floor=floor,
        catalogue=catalogue,
        wanted=lambda shape: settings_for(asked, shape, free),
    )
    found, stopped = _judge_all(machine, hits, terms, pause, patience_s)
    if stopped and not found:
        raise stopped
    why = "the hub takes no more requests now" if stopped else f"no answer came within {in_words(patience_s)}"
    judged = tuple(found.get(one.name) or Judged(hit=one, verdict="not_judged", why_not=why) for one in hits)
    kept = tuple(one for one in judged if one.best or not only_running)
    entries = {name.lower() for one in catalogue.entries for name in (one.repo, repo_of(one.source))}
    return Found(
        query=query,
        judged=kept,
        best=best_of(judged, floor),
        left_out=len(judged) - len(kept),
        stopped=stopped,
        in_catalogue=frozenset(one.name for one in hits if one.name.lower() in entries),
    )


def _patient(machine: Machine, ask: Callable[[], T], pause: Callable[[float], None]) -> T:
    """Ask, and once more after a short wait if the hub asks for one."""
    try:
        return ask()
    except TooManyRequests as e:
        if not _is_short(e):
            raise
        _wait(machine, e, pause)
        return ask()


def _judge_all(
    machine: Machine, hits: Sequence[Hit], terms: Terms, pause: Callable[[float], None], patience_s: float
) -> tuple[dict[str, Judged], TooManyRequests | None]:
    """Return the verdicts by the names of the hits, and the limit that ended it, if one did."""
    left, found = list(hits), dict[str, Judged]()
    has_waited = False
    while True:
        stopped: TooManyRequests | None = None
        for one in _side_by_side(machine, left, terms, patience_s):
            if isinstance(one, TooManyRequests):
                stopped = max(one, stopped or one, key=lambda limit: limit.wait_s)
            else:
                found[one.hit.name] = one
                machine.ui.progress(f"judged {len(found)} of {len(hits)} hits: {one.hit.name}")
        left = [one for one in left if one.name not in found]
        if stopped is None or has_waited or not _is_short(stopped):
            return found, stopped
        _wait(machine, stopped, pause)
        has_waited = True


def _side_by_side(
    machine: Machine, hits: list[Hit], terms: Terms, patience_s: float
) -> Iterator[Judged | TooManyRequests]:
    """Yield each verdict as it comes; after a limit no further hit is begun, and after a long silence none is awaited.

    The threads are daemons, so that Ctrl-C does not wait for an answer.
    """
    from multiprocessing import TimeoutError as Late
    from multiprocessing.pool import ThreadPool

    is_over = Event()

    def ask(hit: Hit) -> Judged | TooManyRequests | None:
        if is_over.is_set():
            return None
        try:
            return judge(machine, hit, terms)
        except TooManyRequests as e:
            is_over.set()
            return e

    if not hits:
        return
    with ThreadPool(min(_AT_ONCE, len(hits))) as pool, suppress(Late):
        coming = pool.imap_unordered(ask, hits)
        for _ in hits:
            one = coming.next(timeout=patience_s)
            if one is not None:
                yield one


def _is_short(limit: TooManyRequests) -> bool:
    return 0 < limit.wait_s <= _LONGEST_WAIT_S


def _wait(machine: Machine, limit: TooManyRequests, pause: Callable[[float], None]) -> None:
    machine.ui.note(f"{limit.message}; waiting for {in_words(limit.wait_s)}")
    pause(limit.wait_s)
