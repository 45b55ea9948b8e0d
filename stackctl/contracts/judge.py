"""What tells why a service failed: each service's own module knows the words of its program."""

from typing import Protocol

from stackctl.contracts.cause import Cause


class Judge(Protocol):
    """What a program's log lines and its exit code mean. Any of the three may be `no_cause`."""

    def fatal(self, line: str) -> Cause | None:
        """The cause, if this log line means that the service will never be ready."""
        ...

    def ended(self, line: str) -> Cause | None:
        """The cause that this log line names, once the service has failed; while it runs, the line means nothing."""
        ...

    def exit_cause(self, code: int) -> Cause | None:
        """What an exit code of the program means, where its log said nothing."""
        ...


def no_cause(said: str | int) -> Cause | None:
    """Return None, whatever the program said: nothing is known of it."""
    del said
    return None
