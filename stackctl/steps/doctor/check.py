"""One check of the doctor, and what several checks look at."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from stackctl.contracts.engine import EngineDetails
from stackctl.contracts.engine_link import EngineLink
from stackctl.contracts.finding import CheckResult, Finding
from stackctl.core.config.spec import Spec
from stackctl.core.observed import EngineSeen
from stackctl.core.plan.stack import Plan
from stackctl.errors import EngineError, StackctlError
from stackctl.machine import Machine
from stackctl.steps.config_request import load_config
from stackctl.steps.deployed import written_plan

T = TypeVar("T")

_PING_S = 5.0  # an engine on this machine answers a ping within milliseconds
_JUDGED_S = 0.4  # that a check needs to judge why nothing came
_SHORTEST_S = 0.3


@dataclass
class Looks:
    """What several checks look at: each is looked at once, whichever check asks first; the others wait for it.

    Every look may raise the StackctlError that says why it is not there: a check that depends on it is then not tried.
    """

    machine: Machine
    is_deep: bool = False
    until: float | None = None  # when the checks end, by the system's monotonic clock; None: never
    _kept: dict[str, "tuple[Any, StackctlError | None]"] = field(default_factory=dict)
    _locks: dict[str, threading.Lock] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def link(self) -> EngineLink:
        """Return whether something answers where the engine should, asked without the engine's SDK."""
        return self.once("link", lambda: self.machine.docker.link(within_s=self.left_s(_PING_S)))

    def engine(self) -> EngineSeen:
        """Return the engine; raise EngineError if it does not answer."""
        return self.once("engine", self._engine)

    def details(self) -> EngineDetails:
        """Return the engine's settings; raise EngineError if it does not answer."""
        return self.once("details", self._details)

    def spec(self) -> Spec:
        """Return the settings of this folder, or the default ones; raise ConfigError for wrong ones."""
        return self.once("spec", lambda: load_config(self.machine, {}).spec)

    def plan(self) -> Plan | None:
        """Return the plan of the stack that was deployed here; None if there is none."""
        return self.once("plan", lambda: written_plan(self.machine))

    def left_s(self, most: float) -> float:
        """Return for how long a check may wait for an answer that may never come, at most so many seconds."""
        if self.until is None:
            return most
        return max(_SHORTEST_S, min(most, self.until - self.machine.system.monotonic() - _JUDGED_S))

    def once(self, name: str, look: Callable[[], T]) -> T:
        """Return what a look gave under this name, looking at the first call alone; raise what it raised."""
        with self._lock:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            if name not in self._kept:
                try:
                    self._kept[name] = (look(), None)
                except StackctlError as error:
                    self._kept[name] = (None, error)
        found, failure = self._kept[name]
        if failure:
            raise failure
        return found  # type: ignore[no-any-return]  # kept under its name alone

    def _details(self) -> EngineDetails:
        self.engine()
        return self.machine.docker.details()

    def _engine(self) -> EngineSeen:
        if self.link().failure:
            raise EngineError("the engine does not answer", issue="engine-no-answer")
        return self.machine.docker.look((), ())


@dataclass(frozen=True, kw_only=True)
class Check:
    """A check. name: stable, in one or two words; title: a clause on what is well if it passes ("the engine answers").

    run: looks and judges; late: what it means if it does not end in time, None if that means no issue. is_deep: it
    needs a container, and runs only where the user asks for it. A StackctlError that it raises means: not tried.
    area: what it is about, in one word, from the module that has it (see every_check).
    """

    name: str
    title: str
    run: Callable[[Looks], CheckResult]
    late: Finding | None = None
    is_deep: bool = False
    area: str = ""
