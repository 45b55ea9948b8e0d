"""Commands in hints, as this user pastes them."""

from stackctl.contracts.system import User
from stackctl.terminal import command_line


def as_root(user: User, *words: object) -> str:
    """Return a command line that needs root's rights: with sudo, unless the user is root."""
    return command_line(*(() if user.uid == 0 else ("sudo",)), *words)


def size(mib: int) -> str:
    """Return an amount of memory or room as a person reads it."""
    return f"{mib / 1024:.1f} GiB" if mib >= 1024 else f"{mib} MiB"
