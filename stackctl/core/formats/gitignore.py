"""The text of a .gitignore: which lines keep git from committing private files.

Source: gitignore(5). The last matching line decides; a file in an excluded folder can't be included again.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

FILE: Final = ".gitignore"
ALL: Final = "*"
_TITLE: Final = "# stackctl: keys, passwords and chats stay out of version control"
_ITSELF: Final = frozenset({f"!{FILE}", f"!/{FILE}"})  # includes this file alone again
_SHOWN: Final = 5  # tracked files that are named one by one
_GLOBS: Final = frozenset("*?[\\:")


def missing_lines(text: str, lines: Iterable[str]) -> tuple[str, ...]:
    """Return those of the lines that the text lacks, or that a later line may undo."""
    rules = [line.removesuffix("\r").rstrip(" ") for line in text.split("\n")]  # lines as git reads them
    back = max((n for n, rule in enumerate(rules) if rule.startswith("!") and rule not in _ITSELF), default=-1)
    in_force = set(rules[back + 1 :])
    return () if ALL in in_force else tuple(line for line in lines if line not in in_force)


def extend(text: str, lines: Sequence[str]) -> str:
    """Return the text with the lines added at its end, in the text's line endings."""
    if not text.strip() and tuple(lines) == (ALL,):
        return f"{ALL}\n"
    newline = "\r\n" if "\r\n" in text else "\n"
    end = "" if not text or text.endswith("\n") else "\n" if text.endswith("\r") else newline
    return text + end + "".join(f"{line}{newline}" for line in (_TITLE, *lines))


def tracked_note(repository: str, found: Mapping[str, Sequence[str]]) -> str:
    """Return a note about private files that git tracks, given by the path in the repository; "" if there are none."""
    kept = {path: [name for name in names if PurePosixPath(name).name != FILE] for path, names in found.items()}
    files = [name for names in kept.values() for name in names]
    if not files:
        return ""
    is_short = len(files) <= _SHOWN and all(name.isprintable() for name in files)
    shown = ", ".join(name if name.isprintable() else ascii(name) for name in files[:_SHOWN])
    more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
    command = untracking(repository, files if is_short else [path for path, names in kept.items() if names])
    return (
        f"git tracks private files: {shown}{more}; this removes them from the next commit and keeps them on the disk: "
        f"{command}\ngit's history keeps earlier commits: replace the keys and passwords that they contain"
    )


def untracking(repository: str, paths: Sequence[str]) -> str:
    """Return the command that removes files or folders from a repository's index and keeps them on the disk.

    It has -f, because git refuses to remove files that changed since they were added.
    """
    literally = ("--literal-pathspecs",) if any(_GLOBS & set(path) for path in paths) else ()
    return shlex.join(("git", "-C", repository, *literally, "rm", "-r", "-f", "--cached", "--", *paths))
