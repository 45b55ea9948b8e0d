"""A running stack under test, and what its checks have learned of it so far."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import cached_property

from stackctl.core.observed import ServiceState
from stackctl.core.plan.stack import Plan
from stackctl.core.smoke.reachability import Route
from stackctl.core.tavern import replies, stream
from stackctl.core.tavern import settings_json as tavern_settings
from stackctl.core.tavern.replies import Reply
from stackctl.errors import NotReady
from stackctl.machine import Machine
from stackctl.ports.page import Page
from stackctl.steps.check_reply import PROMPT, TOKENS
from stackctl.steps.tavern_session import tavern_session

_MOST_TOKENS = 2048  # of one answer
_SILENCE_S = 10.0  # between two pieces of an answer, at the least: an engine that is busy otherwise stops for moments


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A whole answer, and the seconds that it took."""

    text: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Streamed:
    """A streamed answer, and when it was asked for, in seconds since the epoch."""

    reply: Reply
    asked_at: float


class Site:
    """Asked for at first use and then known: a check that runs alone gets what it needs, and none asks twice.

    `session`: opens one with SillyTavern, tavern_session() by default; close() ends it.
    """

    def __init__(
        self,
        plan: Plan,
        machine: Machine,
        until: float,
        session: Callable[[Plan, Machine], AbstractContextManager[Page]] = tavern_session,
    ) -> None:
        self.plan, self.machine, self.until, self._session = plan, machine, until, session
        self.measures: dict[str, float] = {}
        self.ways: tuple[Route, ...] = ()
        self._opened = ExitStack()

    def left_s(self) -> float:
        """Seconds until all has to be over; raise NotReady where there are none."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise NotReady("the time for all checks is over", hint="a slow machine: stackctl smoke --timeout SECONDS")
        return left

    @property
    def states(self) -> dict[str, ServiceState]:
        return self.machine.orchestrator.states(self.plan.name)

    @cached_property
    def page(self) -> Page:
        """A session with SillyTavern; raise NotReady where it lets nobody in."""
        return self._opened.enter_context(self._session(self.plan, self.machine))

    @cached_property
    def connection(self) -> tuple[str, str]:
        """(type, URL) of the server that SillyTavern's own settings name."""
        return tavern_settings.connection(self.page.settings())

    @cached_property
    def model(self) -> str:
        """The model's name, as SillyTavern is told by its backend."""
        kind, url = self.connection
        return self.page.model(kind, url, hint=replies.LOOK)

    @cached_property
    def answer(self) -> Answered:
        """A whole answer through SillyTavern."""
        began = time.monotonic()
        text = self.page.answer(*self.connection, PROMPT, TOKENS, within_s=self.left_s())
        return Answered(text=text, seconds=time.monotonic() - began)

    @cached_property
    def streamed(self) -> Streamed:
        """The same, streamed."""
        asked_at = time.time()
        return Streamed(reply=self.asked_again(), asked_at=asked_at)

    def asked_again(self, tokens: int = TOKENS, *, is_endless: bool = False) -> Reply:
        """A new streamed answer. Silent for far longer than the whole answer took, it has broken off."""
        silence_s = max(_SILENCE_S, 4 * self.answer.seconds)
        asked = *self.connection, PROMPT, tokens
        return self.page.generate(*asked, is_endless=is_endless, silence_s=silence_s, within_s=self.left_s())

    def long_reply(self, found: Reply) -> Reply:
        """The streamed answer, or a longer one that takes long enough to see how it comes; else the longest."""
        tokens, most = TOKENS, min(_MOST_TOKENS, self.plan.context // 2)
        while found.is_whole and found.flow == "too fast" and tokens < most:
            tokens = min(most, stream.more_tokens(tokens, found.total_s))
            found = self.asked_again(tokens, is_endless=True)
        return found

    def close(self) -> None:
        self._opened.close()
