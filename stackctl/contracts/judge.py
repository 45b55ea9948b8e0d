"""The judge of a failed service: each service's module knows the log lines of its program."""

from typing import Protocol

from stackctl.contracts.cause import Cause


class Judge(Protocol):
    """The meaning of a program's log lines and exit codes. Any of the three may be `no_cause`."""

    def fatal(self, line: str) -> Cause | None:
        """Return the cause if this log line means that the service will never be ready, else None."""
        ...

    def ended(self, line: str) -> Cause | None:
        """Return the cause that this log line names if the service has failed; None if it names none.

        While the service runs, the line is no sign of a failure.
        """
        ...

    def exit_cause(self, code: int) -> Cause | None:
        """Return the cause that an exit code stands for, where the log names none; None if it stands for none."""
        ...


def no_cause(said: str | int) -> Cause | None:
    """Return None: no line or exit code of the program is known."""
    del said
    return None
