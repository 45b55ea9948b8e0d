"""What several programs' command lines have in common."""

from collections.abc import Callable
from types import MappingProxyType

from stackctl.backends.contract import Argument, Arguments
from stackctl.contracts.cause import Cause


def given_flags(*flags: tuple[str, object]) -> tuple[str, ...]:
    """The flags whose value is not None, each followed by it; the others are left to the program."""
    return tuple(word for flag, value in flags if value is not None for word in (flag, str(value)))


def refused_argument(line: str, title: str, decides: str) -> Cause | None:
    """The cause, if a line is argparse's about an argument; `decides`: whose version decides what is known."""
    if "error: unrecognized arguments" not in line and "error: argument " not in line:
        return None
    return Cause(
        says=f"{title} refused an argument ({line.split('error: ', 1)[-1].strip()})",
        hint=f"look at backend.extra_args in stack.toml; the {decides}'s version decides what is known",
        kind="config",
    )


def arguments(*rows: tuple[str, Argument | None]) -> Arguments:
    """The arguments of a program from rows of all their names, with blanks between, and what they are."""
    return MappingProxyType({name: one for names, one in rows for name in names.split()})


def whole(least: int) -> Callable[[str], int]:
    """Read a whole number that is not below `least`."""

    def read(value: str) -> int:
        if value.isascii() and value.isdecimal() and int(value) >= least:
            return int(value)
        raise ValueError(f"a whole number from {least} on")

    return read


def one_of(values: dict[str, object]) -> Callable[[str], object]:
    """Read one of these words."""

    def read(value: str) -> object:
        if value in values:
            return values[value]
        raise ValueError(f"one of {', '.join(filter(None, values))}")

    return read


def always(value: object) -> Callable[[str], object]:
    """What an argument without a value sets."""
    return lambda _: value


def key_argument(title: str) -> Argument:
    """One that would give the program another key than ours."""
    return Argument(
        fixed=f"is how stackctl gives {title} its API key",
        hint="take it out; for a key of your own choice write it into .stackctl/api-key, then: stackctl deploy",
    )


def place_argument(title: str) -> Argument:
    """One that would put the program where nobody looks for it."""
    return Argument(
        fixed=f"says where {title} answers, and SillyTavern and the health check look for it where stackctl puts it",
        hint='take it out; other programs get in by backend.publish = "127.0.0.1:PORT", '
        "the page's port is sillytavern.port",
    )


def model_argument(title: str) -> Argument:
    """One that would load or name another model than the plan does."""
    return Argument(
        fixed=f"names the model that {title} loads, which SillyTavern and stackctl's checks must know, too",
        hint="take it out; name the model itself: stackctl deploy --model MODEL, or model.path in stack.toml",
    )


def tunnel_argument() -> Argument:
    """One that would open the backend to the whole internet."""
    return Argument(
        fixed="would open the backend to the internet, past every check",
        hint="take it out; other devices open SillyTavern by sillytavern.expose",
    )
