"""The text of a .gitignore: whether git takes what must stay private, and the lines that keep it from that.

Source: gitignore(5). The last line that matches decides; what lies below an excluded folder can't be taken back.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

FILE: Final = ".gitignore"
ALL: Final = "*"
_TITLE: Final = "# stackctl: keys, passwords and chats stay out of version control"
_ITSELF: Final = frozenset({f"!{FILE}", f"!/{FILE}"})  # takes back nothing but this file
_SHOWN: Final = 5  # tracked files that are named one by one
_GLOBS: Final = frozenset("*?[\\:")


def missing_lines(text: str, lines: Iterable[str]) -> tuple[str, ...]:
    """Those of the lines that the text lacks, or that a line further down may take back."""
    rules = [line.removesuffix("\r").rstrip(" ") for line in text.split("\n")]  # what git, too, takes for a line
    back = max((n for n, rule in enumerate(rules) if rule.startswith("!") and rule not in _ITSELF), default=-1)
    in_force = set(rules[back + 1 :])
    return () if ALL in in_force else tuple(line for line in lines if line not in in_force)


def extend(text: str, lines: Sequence[str]) -> str:
    """The text, kept as it is, with the lines at its end, in its own line endings."""
    if not text.strip() and tuple(lines) == (ALL,):
        return f"{ALL}\n"
    newline = "\r\n" if "\r\n" in text else "\n"
    end = "" if not text or text.endswith("\n") else "\n" if text.endswith("\r") else newline
    return text + end + "".join(f"{line}{newline}" for line in (_TITLE, *lines))


def tracked_note(repository: str, found: Mapping[str, Sequence[str]]) -> str:
    """What to say of private files that git tracks, by the path in the repository that they lie below; "" of none."""
    kept = {path: [name for name in names if PurePosixPath(name).name != FILE] for path, names in found.items()}
    files = [name for names in kept.values() for name in names]
    if not files:
        return ""
    is_short = len(files) <= _SHOWN and all(name.isprintable() for name in files)
    shown = ", ".join(name if name.isprintable() else ascii(name) for name in files[:_SHOWN])
    more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
    command = untracking(repository, files if is_short else [path for path, names in kept.items() if names])
    return (
        f"git tracks what is private: {shown}{more}; this takes it out of the next commit and leaves it on the disk: "
        f"{command}\ngit's history keeps what was committed before: replace keys and passwords that are in there"
    )


def untracking(repository: str, paths: Sequence[str]) -> str:
    """The command that takes files or folders out of a repository's index, and leaves them on the disk.

    It is forced: else git refuses what has changed since it was added.
    """
    literally = ("--literal-pathspecs",) if any(_GLOBS & set(path) for path in paths) else ()
    return shlex.join(("git", "-C", repository, *literally, "rm", "-r", "-f", "--cached", "--", *paths))
