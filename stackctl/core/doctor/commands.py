"""Commands in hints, as this user pastes them."""

from collections.abc import Iterable

from stackctl.contracts.system import User
from stackctl.terminal import command_line


def as_root(user: User, *words: object) -> str:
    """Return a command line that needs root's rights: with sudo, unless the user is root."""
    return command(words, needs_root=True, is_root=user.uid == 0)


def command(words: Iterable[object], *, needs_root: bool, is_root: bool) -> str:
    """Return a command line, with sudo if it needs root's rights and this user has not got them."""
    return command_line(*(("sudo",) if needs_root and not is_root else ()), *words)


def size(mib: int) -> str:
    """Return an amount of memory or room as a person reads it."""
    return f"{mib / 1024:.1f} GiB" if mib >= 1024 else f"{mib} MiB"
