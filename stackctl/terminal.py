"""Text for a terminal: without control sequences, of a known width, with commands that can be pasted into a shell."""

import re
import shlex
from pathlib import PurePosixPath
from typing import Final
from unicodedata import category, east_asian_width

# C0 and C1 controls, marks that change the direction of writing, ends of lines and paragraphs, lone surrogates
_UNSEEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\N{ARABIC LETTER MARK}\N{LEFT-TO-RIGHT MARK}\N{RIGHT-TO-LEFT MARK}"
    "\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
# complete control sequences: a title or a link, a colour or a cursor move, a change of mode (ECMA-48, 5.4)
_SEQUENCE: Final = re.compile(
    r"\x1b[PX^_\]][^\x07\x1b\n]*(?:\x07|\x1b\\)|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-OQ-WYZ\\`-~]"
)
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def is_plain(text: str) -> bool:
    """Return whether a terminal shows a text unchanged and in one line."""
    return not _UNSEEN.search(text)


def shown(text: str) -> str:
    """Return a text of several lines without control sequences and with other invisible characters escaped."""
    text = _SEQUENCE.sub("", text.replace("\r\n", "\n"))
    return _UNSEEN.sub(lambda found: found[0] if found[0] in "\n\t" else _escape(found[0]), text)


def shown_in_line(text: str) -> str:
    """Return the same for a text that has to stay one line."""
    return _UNSEEN.sub(lambda found: " " if found[0] in "\n\t" else _escape(found[0]), shown(text))


def in_json(text: str) -> str:
    """Return JSON in which the invisible characters that its writer left are escaped, so that no value changes."""
    return _UNSEEN.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)


def command_line(*words: object) -> str:
    """Return a command line that a shell reads as these words, whatever is in them."""
    return " ".join(shell_word(one) for one in words)


def shell_word(one: object) -> str:
    """Return one word, quoted for a shell and in one line. A path that begins with a dash is not read as an option."""
    text = str(one)
    if isinstance(one, PurePosixPath) and text.startswith("-"):
        text = f"./{text}"
    if is_plain(text):
        return shlex.quote(text)
    raw = text.encode("utf-8", "surrogateescape")  # as Python reads the name of a file that is not UTF-8
    return "$'" + "".join(chr(b) if 32 <= b < 127 and b not in b"'\\" else f"\\x{b:02x}" for b in raw) + "'"


def cells(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    return sum(map(_cells, text))


def padded(text: str, width: int) -> str:
    """Return a text, padded with blanks to `width` cells."""
    return text + " " * (width - cells(text))


def cut(text: str, width: int) -> str:
    """Return a text in at most `width` cells: the middle of a longer one is replaced by an ellipsis."""
    if cells(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{first(text, width - 1 - tail)}…{first(text[::-1], tail)[::-1]}"


def first(text: str, width: int) -> str:
    """Return as much of a text's beginning as `width` cells hold."""
    taken = 0
    for at, char in enumerate(text):
        taken += _cells(char)
        if taken > width:
            return text[:at]
    return text


def _cells(char: str) -> int:
    if category(char) in {"Mn", "Me", "Cf"}:  # it combines with the character before, or is invisible
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


def _escape(char: str) -> str:
    code = ord(char)
    return _SHORT.get(char) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")
