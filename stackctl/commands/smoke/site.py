"""A running stack under test, and what its checks have found out so far."""

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
from stackctl.steps.sleep import wake
from stackctl.steps.tavern_session import tavern_session

_MOST_TOKENS = 2048  # of one answer
_SILENCE_S = 10.0  # the least time to wait for the next piece of an answer: a busy engine pauses for moments


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A complete answer, and the seconds that it took."""

    text: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Streamed:
    """A streamed answer, and when it was asked for, in seconds since the epoch."""

    reply: Reply
    asked_at: float


class Site:
    """Facts about a stack, asked for at their first use and then kept, so that no check asks twice.

    `session`: opens a session with SillyTavern, tavern_session() by default; close() ends it.
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
        """Return the seconds until the time limit; raise NotReady if it is reached."""
        left = self.until - time.monotonic()
        if left <= 0:
            hint = "Allow more on a slow machine: `stackctl smoke --timeout SECONDS`."
            raise NotReady("the time for all checks is over", hint=hint, issue="time-limit-reached")
        return left

    @property
    def states(self) -> dict[str, ServiceState]:
        return self.machine.orchestrator.states(self.plan.name)

    @cached_property
    def page(self) -> Page:
        """Return a session with SillyTavern; raise NotReady if SillyTavern refuses it."""
        return self._opened.enter_context(self._session(self.plan, self.machine))

    @cached_property
    def connection(self) -> tuple[str, str]:
        """Return (type, URL) of the server in SillyTavern's own settings."""
        return tavern_settings.connection(self.page.settings())

    @cached_property
    def model(self) -> str:
        """Return the model's name, as SillyTavern gets it from its backend, which is woken if it sleeps."""
        wake(self.plan, self.machine, within_s=self.left_s())
        kind, url = self.connection
        return self.page.model(kind, url, hint=replies.LOOK)

    @cached_property
    def answer(self) -> Answered:
        """Return a complete answer through SillyTavern; a backend that fell asleep since `model` is woken."""
        wake(self.plan, self.machine, within_s=self.left_s())
        began = time.monotonic()
        text = self.page.answer(*self.connection, PROMPT, TOKENS, within_s=self.left_s())
        return Answered(text=text, seconds=time.monotonic() - began)

    @cached_property
    def streamed(self) -> Streamed:
        """Return a streamed answer through SillyTavern."""
        asked_at = time.time()
        return Streamed(reply=self.asked_again(), asked_at=asked_at)

    def asked_again(self, tokens: int = TOKENS, *, is_endless: bool = False) -> Reply:
        """Return a new streamed answer. A silence far longer than the complete answer took counts as its end."""
        silence_s = max(_SILENCE_S, 4 * self.answer.seconds)
        asked = *self.connection, PROMPT, tokens
        return self.page.generate(*asked, is_endless=is_endless, silence_s=silence_s, within_s=self.left_s())

    def long_reply(self, found: Reply) -> Reply:
        """Return an answer that takes long enough to see how it is streamed; if there is none, the longest one."""
        tokens, most = TOKENS, min(_MOST_TOKENS, self.plan.context // 2)
        while found.is_whole and found.flow == "too fast" and tokens < most:
            tokens = min(most, stream.more_tokens(tokens, found.total_s))
            found = self.asked_again(tokens, is_endless=True)
        return found

    def close(self) -> None:
        self._opened.close()
