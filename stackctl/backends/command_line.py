"""What the command lines of the backends' programs have in common."""

import re
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Final

from stackctl.backends.contract import NOT_OPENED, Argument, Arguments
from stackctl.contracts.cause import Cause

# why the plan decides what no key of stack.toml does
SLOTS: Final = "divides the context among several chats, and stackctl plans it for one"
CPU_EXPERTS: Final = "moves experts to the CPU, and stackctl chooses how many by the free memory"
SPLIT: Final = "shares the layers out among the GPUs, which stackctl does by the free memory of each"


def given_flags(*flags: tuple[str, object]) -> tuple[str, ...]:
    """Return each flag and its value, where the value is not None; the program decides the others."""
    return tuple(word for flag, value in flags if value is not None for word in (flag, str(value)))


def numbers(split: Sequence[float]) -> tuple[str, ...]:
    """Return each GPU's share of the layers as a word."""
    return tuple(f"{one:g}" for one in split)


def opens(files: Sequence[str]) -> str:
    """Return shell text that ends with exit code 1 and a message if one of these files exists and can't be opened."""
    tests = (f'[ ! -e {one} ] || ( : <{one} ) || {{ echo "{NOT_OPENED} {one}"; exit 1; }}; ' for one in files)
    return "".join(tests)


def refused_argument(line: str, title: str, decides: str) -> Cause | None:
    """Return the cause if a line is argparse's error about an argument, else None.

    decides: the part (image, program) whose version decides which arguments exist.
    """
    if "error: unrecognized arguments" not in line and "error: argument " not in line:
        return None
    return Cause(
        says=f"{title} refused an argument ({line.split('error: ', 1)[-1].strip()})",
        hint=f"Check `backend.extra_args` in stack.toml: the {decides}'s version decides which arguments exist.",
        kind="config",
        issue="argument-refused",
        source="https://docs.python.org/3/library/argparse.html",
    )


def arguments(*rows: tuple[str, Argument | None]) -> Arguments:
    """Make the table of a program's arguments from rows of (all names of one, separated by spaces; what it is)."""
    return MappingProxyType({name: one for names, one in rows for name in names.split()})


def whole(least: int) -> Callable[[str], int]:
    """Return a reader of a whole number that is not below `least`."""

    def read(value: str) -> int:
        if value.isascii() and value.isdecimal() and int(value) >= least:
            return int(value)
        raise ValueError(f"a whole number from {least} on")

    return read


def idle_time(unit: str) -> Callable[[str], str]:
    """Return a reader of a whole number of this unit ("s", "min"), as backend.idle_unload has it."""
    read = whole(1)
    return lambda value: f"{read(value)} {unit}"


def one_of(values: dict[str, object]) -> Callable[[str], object]:
    """Return a reader that accepts these words alone."""

    def read(value: str) -> object:
        if value in values:
            return values[value]
        raise ValueError(f"one of {', '.join(filter(None, values))}")

    return read


def shares(value: str) -> tuple[float, ...]:
    """Read each GPU's share of the layers from numbers between commas or spaces: 3,1."""
    found = tuple(float(one) for one in re.split(r"[,/ ]+", value) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]*)?", one))
    if len(found) == len(re.split(r"[,/ ]+", value)) and any(found):
        return found
    raise ValueError("a number for each GPU, as in 3,1")


def always(value: object) -> Callable[[str], object]:
    """Return a reader for an argument without a value, which always sets this one."""
    return lambda _: value


def key_argument(title: str) -> Argument:
    """Describe an argument that would give the program another API key than stackctl's."""
    return Argument(
        fixed=f"is how stackctl gives {title} its API key",
        hint="Remove it. To choose the key yourself, write it into .stackctl/api-key and run `stackctl deploy`.",
    )


def place_argument(title: str) -> Argument:
    """Describe an argument that would move the program to another address or port."""
    return Argument(
        fixed=f"says where {title} answers, and SillyTavern and the health check look for it where stackctl puts it",
        hint='Remove it. Set `backend.publish = "127.0.0.1:PORT"` to open the API to other programs, and '
        "`sillytavern.port` to move SillyTavern's page.",
    )


def model_argument(title: str) -> Argument:
    """Describe an argument that would load or name another model than the plan does."""
    return Argument(
        fixed=f"names the model that {title} loads, which SillyTavern and stackctl's checks must know, too",
        hint="Remove it. Choose the model with `stackctl deploy --model MODEL` or with `model.path` in stack.toml.",
    )


def tunnel_argument() -> Argument:
    """Describe an argument that would open the backend to the whole internet."""
    return Argument(
        fixed="would open the backend to the internet, past every check",
        hint="Remove it. Set `sillytavern.expose` to open SillyTavern to other devices.",
    )
