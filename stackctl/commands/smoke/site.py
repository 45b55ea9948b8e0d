"""A running stack under test, and what its checks have learned of it so far."""

import time
from functools import cached_property

from stackctl.core.observed import ServiceState
from stackctl.core.plan.stack import Plan
from stackctl.core.smoke.reachability import Route
from stackctl.core.tavern import replies, stream
from stackctl.core.tavern import settings_json as tavern_settings
from stackctl.effects.tavern.http import Reply, Tavern
from stackctl.errors import NotReady
from stackctl.machine import Machine
from stackctl.steps.prove import PROMPT, TOKENS
from stackctl.steps.tavern_session import tavern_session

_MOST_TOKENS = 2048  # of one answer
_SILENCE_S = 10.0  # between two pieces of an answer, at the least: an engine that is busy otherwise stops for moments


class Site:
    """Asked for at first use and then known: a check that runs alone gets what it needs, and none asks twice."""

    def __init__(self, plan: Plan, machine: Machine, until: float) -> None:
        self.plan, self.machine, self.until = plan, machine, until
        self.measures: dict[str, float] = {}
        self.ways: tuple[Route, ...] = ()
        self.asked_at = 0.0  # when `reply` was asked for, in seconds since the epoch
        self._answer_s = 0.0

    def left_s(self) -> float:
        """Seconds until all has to be over; raise NotReady where there are none."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise NotReady("the time for all checks is over", hint="a slow machine: stackctl smoke --timeout SECONDS")
        return left

    @property
    def states(self) -> dict[str, ServiceState]:
        return self.machine.engine.states(self.plan.name)

    @cached_property
    def page(self) -> Tavern:
        """A session with SillyTavern; raise NotReady where it lets nobody in."""
        return tavern_session(self.plan, self.machine).__enter__()

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
    def answer(self) -> str:
        """A whole answer through SillyTavern."""
        began = time.monotonic()
        found = self.page.answer(*self.connection, PROMPT, TOKENS, within_s=self.left_s())
        self._answer_s = time.monotonic() - began
        return found

    @cached_property
    def reply(self) -> Reply:
        """The same, streamed."""
        self.asked_at = time.time()
        return self.asked_again()

    def asked_again(self, tokens: int = TOKENS, *, is_endless: bool = False) -> Reply:
        """A new streamed answer. Silent for far longer than the whole answer took, it has broken off."""
        if not self._answer_s:
            _ = self.answer
        silence_s = max(_SILENCE_S, 4 * self._answer_s)
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
        if "page" in self.__dict__:
            self.page.__exit__()
