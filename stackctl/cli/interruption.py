"""Ctrl-C, SIGTERM and SIGHUP: each raises KeyboardInterrupt in a command, and nowhere else.

Before a command begins and once it is over, an interruption ends the process at once: with the code that says so, and
then with the command's own.
"""

import os
import signal
import sys
from collections.abc import Iterable
from types import FrameType, TracebackType

from stackctl.errors import INTERRUPTED
from stackctl.ui import Ui

_AGAIN_S = 0.01


class Interruption:
    """The handler of the signals. `is_raised`: a command runs. `code`: with which the process ends while none does."""

    def __init__(self) -> None:
        self.is_raised, self.code = False, INTERRUPTED
        self._was_raised = False

    def take(self, signals: Iterable[int]) -> None:
        """Handle those of the signals that are not ignored."""
        for number in signals:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._arrive)
        signal.signal(signal.SIGALRM, self._arrive)
        sys.unraisablehook, sys.excepthook = self._raise_later, self._end

    def _arrive(self, _number: int, _frame: FrameType | None) -> None:
        if not self.is_raised:
            os._exit(self.code)
        self._was_raised = True
        raise KeyboardInterrupt

    def tell(self, ui: Ui) -> None:
        """Say that the command was interrupted."""
        ui.error("interrupted", hint="Run `stackctl status` to see what runs; no file was left incomplete.")

    def _end(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Handle an error that a library raised because it was interrupted; leave others to Python."""
        if not self._was_raised:
            sys.__excepthook__(kind, error, trace)
            return
        self.tell(Ui())
        os._exit(INTERRUPTED)

    def _raise_later(self, lost: "sys.UnraisableHookArgs") -> None:
        """One that was raised where Python passes over every exception, as in a finaliser, comes again."""
        if issubclass(lost.exc_type, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
        else:
            sys.__unraisablehook__(lost)


interruption = Interruption()
