"""What several programs' command lines have in common."""

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
