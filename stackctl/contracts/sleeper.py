"""What a backend tells of its sleep: it unloads its model while it is idle, and a message loads that again."""

from typing import Literal, Protocol

from stackctl.contracts.request import Request

# where a program tells that it sleeps: in the answer to a request that does not wake it, or in its log
TellsSleep = Literal["log"] | Request


class Sleeper(Protocol):
    """How a backend sleeps and wakes."""

    QUIET: Request  # answers 2xx once a model was loaded, and neither wakes a sleeping one nor delays its sleep
    SLEEP: TellsSleep
    WAKE_MODEL: str  # the model that a request must name to wake it; "" if every request for an answer does

    def asleep(self, said: str) -> bool | None:
        """Return whether it sleeps, from the answer at SLEEP or from one line of its log; None if that does not say."""
        ...

    def unload(self, command: tuple[str, ...]) -> Request | None:
        """Return the request that unloads the model now, so that the next message loads it again.

        None if the program, started by this command, has none.
        """
        ...


def none_unloads(command: tuple[str, ...]) -> Request | None:  # noqa: ARG001 - the default of Sleeper.unload
    """Return None: no request unloads its model so that the next message loads it again."""
    return None
