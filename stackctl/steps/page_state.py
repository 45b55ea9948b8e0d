"""Tell open pages of SillyTavern the state of their backend, so that they show it and connect in time."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from stackctl import backends
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern.page_state import Server, state_json
from stackctl.errors import StackctlError
from stackctl.machine import Machine
from stackctl.steps.tavern_folder import data_path, tavern_folder

_EVERY_S: Final = 2.0  # the state is written at most this often, however many lines a backend writes


class PageState:
    """state.json of one stack. A failure to write it is ignored: no page depends on it, and no start fails for it."""

    def __init__(self, plan: Plan, machine: Machine, clock: Callable[[], float] = time.time) -> None:
        self._folder, self._clock = tavern_folder(plan, machine), clock
        sleeps = plan.idle_unload_s > 0
        self._server = Server(
            type=plan.tavern_type,
            url=plan.backend_url,
            model=plan.model_name,
            sleeps=sleeps,
            wake_model=backends.find_backend(plan.backend).WAKE_MODEL if sleeps else "",
        )
        self._name = f"{data_path(plan)}/extensions/{tavern.OUR_EXTENSION}/{tavern.STATE}"
        self._written_at = 0.0

    def say(self, waits: str) -> None:
        """Write what the backend waits for, "" once it answers; skipped if the last one was written a moment ago."""
        now = self._clock()
        if waits and now - self._written_at < _EVERY_S:
            return
        self._written_at = now
        with suppress(StackctlError):
            self._folder.write(self._name, state_json(self._server, waits=waits, now=now))
