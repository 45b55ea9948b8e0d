"""Whether to ask if other devices may open SillyTavern: once per stack, and only if a yes could be carried out."""

from contextlib import suppress
from dataclasses import replace

from stackctl.core.config.lock import Decision, Lock
from stackctl.core.config.section import LAN, NONE
from stackctl.core.plan.exposure import ASKED, matching_interfaces
from stackctl.errors import StackctlError
from stackctl.machine import Machine
from stackctl.steps.config_request import ConfigRequest, read_lock


def may_open(machine: Machine, wanted: ConfigRequest) -> bool:
    """Return whether the stack could be opened to this machine's networks, and the user has not answered that yet.

    False, too, if no engine answers here: then there is nothing to open.
    """
    page = wanted.spec.sillytavern
    if page.expose != NONE or page.proxy.is_wanted or ASKED in read_lock(machine).decisions:
        return False
    with suppress(StackctlError):
        return machine.docker.is_local and bool(
            matching_interfaces(LAN, machine.host.interfaces(), machine.host.bridges())
        )
    return False


def with_answer(lock: Lock, *, is_open: bool) -> Lock:
    """Return the lock with the answer, so that the question is not asked again."""
    decision = Decision(value="yes" if is_open else "no", inputs={})
    return replace(lock, decisions={**lock.decisions, ASKED: decision})
