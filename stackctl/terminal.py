"""Text for a terminal: nothing of it is obeyed, its width is known, and a command in it can be pasted into a shell."""

import re
import shlex
from pathlib import PurePosixPath
from typing import Final
from unicodedata import category, east_asian_width

# C0 and C1 controls, marks that turn the direction of writing, ends of lines and paragraphs, halves of a character
_UNSEEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\N{ARABIC LETTER MARK}\N{LEFT-TO-RIGHT MARK}\N{RIGHT-TO-LEFT MARK}"
    "\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
# what a program writes for a terminal, whole: a title or a link, a colour or a move, a change of mode (ECMA-48, 5.4)
_SEQUENCE: Final = re.compile(
    r"\x1b[PX^_\]][^\x07\x1b\n]*(?:\x07|\x1b\\)|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-OQ-WYZ\\`-~]"
)
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def is_plain(text: str) -> bool:
    """Whether all of a text is shown, as it stands and in one line."""
    return not _UNSEEN.search(text)


def shown(text: str) -> str:
    """A text of several lines as it may be shown: without colours and the like, with escapes for all else unseen."""
    text = _SEQUENCE.sub("", text.replace("\r\n", "\n"))
    return _UNSEEN.sub(lambda found: found[0] if found[0] in "\n\t" else _escape(found[0]), text)


def shown_in_line(text: str) -> str:
    """The same for a text that has to stay one line."""
    return _UNSEEN.sub(lambda found: " " if found[0] in "\n\t" else _escape(found[0]), shown(text))


def in_json(text: str) -> str:
    """JSON, of which nothing is lost: escapes for what its writer left as it was."""
    return _UNSEEN.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)


def command_line(*words: object) -> str:
    """A command line that a shell reads as these words, whatever is in them."""
    return " ".join(shell_word(one) for one in words)


def shell_word(one: object) -> str:
    """One word as a shell reads it. A path that begins with a dash is no option, and stays in one line."""
    text = str(one)
    if isinstance(one, PurePosixPath) and text.startswith("-"):
        text = f"./{text}"
    if is_plain(text):
        return shlex.quote(text)
    raw = text.encode("utf-8", "surrogateescape")  # as Python reads the name of a file that is not UTF-8
    return "$'" + "".join(chr(b) if 32 <= b < 127 and b not in b"'\\" else f"\\x{b:02x}" for b in raw) + "'"


def cells(text: str) -> int:
    """How many cells of a terminal a text takes."""
    return sum(map(_cells, text))


def padded(text: str, width: int) -> str:
    """A text with blanks behind it, up to so many cells."""
    return text + " " * (width - cells(text))


def cut(text: str, width: int) -> str:
    """A text in at most so many cells: where it is longer, its middle gives way to an ellipsis."""
    if cells(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{first(text, width - 1 - tail)}…{first(text[::-1], tail)[::-1]}"


def first(text: str, width: int) -> str:
    """As much of a text's beginning as so many cells hold."""
    taken = 0
    for at, char in enumerate(text):
        taken += _cells(char)
        if taken > width:
            return text[:at]
    return text


def _cells(char: str) -> int:
    if category(char) in {"Mn", "Me", "Cf"}:  # it goes onto the one before, or is not seen
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


def _escape(char: str) -> str:
    code = ord(char)
    return _SHORT.get(char) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")
