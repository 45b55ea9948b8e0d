"""Text for a terminal: without control sequences, of a known width, with commands that can be pasted into a shell."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
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
_WORD: Final = re.compile("(?:`[^`]*`|[^ ])+")
_WIDEST: Final = 60  # cells of a terminal that a column of a table takes, but for the last one
_LONGEST: Final = 300  # cells of a text that has a line's rest for itself
_GAP: Final = "  "  # between columns


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


def page_line(issue: str) -> str:
    """Return the line below an error that names the page of its issue."""
    return f"more: `{command_line('stackctl', 'explain', issue)}`"


def painted(text: str, colours: Mapping[str, int]) -> str:
    """Return a text of several lines in which the beginnings of some have a colour: pattern -> number of the colour."""
    for pattern, colour in colours.items():
        text = re.sub(rf"^{pattern}", f"\x1b[{colour}m\\g<0>\x1b[0m", text, flags=re.MULTILINE)
    return text


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


class Frame:
    """A text of several lines that is drawn again in its place, in one piece, so that nothing flickers."""

    def __init__(self) -> None:
        self._lines, self._size = 0, (0, 0)

    def draw(self, text: str, columns: int, rows: int) -> str:
        """Return what shows the text on a terminal of that size instead of the text before.

        The cursor stands below it then. Lines are cut at the terminal's edge, because one that wraps could not be
        replaced; so are those for which it is not high enough.
        """
        lines = [first(shown_in_line(line), columns) for line in text.splitlines()]
        if len(lines) >= rows > 1:
            lines = [*lines[: rows - 2], first(f"({len(lines) - rows + 2} more lines)", columns)]
        place = f"\r\x1b[{self._lines}A" if self._lines else "\r"
        if self._lines and self._size != (columns, rows):  # the terminal may have moved and wrapped the lines before
            place = "\x1b[2J\x1b[H"
        self._lines, self._size = len(lines), (columns, rows)
        ends = (
            "\n" if cells(line) >= columns else "\x1b[K\n" for line in lines
        )  # at the edge it would erase a character
        return place + "".join(map(str.__add__, lines, ends)) + "\x1b[J"


def below(text: str) -> str:
    """Return a message with its further lines indented, so that none looks like a line of stackctl's own."""
    head, *rest = shown(text).splitlines() or [""]
    return "\n".join((head, *(line if line.startswith("  ") else f"  {line}" for line in rest)))


def wrapped(text: str, width: int) -> list[str]:
    """Return a text in lines of at most so many cells, broken between words.

    A longer word stays whole, in its line, and so does a command in backticks.
    """
    if cells(text) <= width:
        return [text]
    indent = text[: len(text) - len(text.lstrip(" "))]
    width -= len(indent)
    lines = [""]
    for word in _WORD.findall(text):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if cells(longer) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return [indent + line for line in lines]


def hanging(head: str, text: str, width: int | None) -> Iterator[str]:
    """Give a text in lines beside its head; width: the cells that a line may take, None for any number."""
    text = shown_in_line(text)
    first, *rest = [text] if width is None else wrapped(text, max(width - len(head), 20))
    yield head + first
    yield from (" " * len(head) + line for line in rest)


def table(rows: Sequence[Sequence[str]], width: int | None = None, *, has_head: bool = True) -> str:
    """Return columns, aligned by their widest cell; a cell is one line, whatever is in it.

    A long cell does not widen its column: the first of a row gets a separate line, the last may be long, and any other
    loses its middle. `width`: the cells that a line may take; None: any number. If the columns do not fit, they break
    between words; if a word is too long for that, each row becomes a block with a line for each cell.
    `has_head`: the first row names the columns; without it there are two columns, and the first is a name.
    """
    texts = [[cut(shown_in_line(cell), _LONGEST) for cell in row] for row in rows]
    lines = _aligned([line for row in rows for line in _lines([shown_in_line(cell) for cell in row])])
    if width is None or max(map(cells, lines)) <= width:
        return "\n".join(lines)
    least = [max(cells(word) for cell in column for word in cell.split(" ")) for column in zip(*texts, strict=True)]
    room = width - len(_GAP) * (len(least) - 1)
    if sum(least) <= room:
        widths = _shares([max(map(cells, column)) for column in zip(*texts, strict=True)], least, room)
        return "\n".join(line for row in texts for line in _row(row, widths))
    if len(least) == 1:
        return "\n".join(line for (text,) in texts for line in wrapped(text, width))
    if has_head:
        body = texts[1:] or [[""] * len(least)]
        said = [[pair for pair in zip(texts[0], row, strict=True) if pair[1] or not any(row)] for row in body]
        return "\n\n".join(_block(pairs, width) for pairs in said)
    return _block([(row[0], " ".join(row[1:])) for row in texts], width)


def _lines(row: list[str]) -> Iterator[list[str]]:
    """A row as it stands in a table: a long first cell in a separate line, and the others as long as they may be."""
    head, *middle, last = row if len(row) > 1 else ["", *row]
    middle = [cut(cell, _WIDEST) for cell in middle]
    if cells(head) > _WIDEST:
        yield [cut(head, _LONGEST)]
        head = ""
    yield [head, *middle, cut(last, _LONGEST)][-len(row) :]


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Every line with its cells below those of the others; the last one of each is as long as it is."""
    count = max(map(len, lines))
    widths = [max(cells(line[i]) for line in lines if i < len(line) - 1) for i in range(count - 1)]
    return [_GAP.join((*map(padded, line[:-1], widths), line[-1])).rstrip() for line in lines]


def _shares(natural: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """The width of each column: less than it would take for those that take most, and `least` for each."""
    widths = [min(one, room) for one in natural]
    while sum(widths) > room:
        widest = max((i for i in range(len(widths)) if widths[i] > least[i]), key=lambda i: widths[i])
        widths[widest] -= 1
    return widths


def _row(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    parts = [wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
    for number in range(max(map(len, parts))):
        line = (part[number] if number < len(part) else "" for part in parts)
        yield _GAP.join(map(padded, line, widths)).rstrip()


def _block(pairs: Sequence[tuple[str, str]], width: int) -> str:
    """Names, each with its text beside it; or below it, where a word of it is too long to stand beside."""
    left = max(cells(name) for name, _ in pairs)
    lines: list[str] = []
    for name, text in pairs:
        beside = wrapped(text, width - left - len(_GAP))
        if max(map(cells, beside)) + left + len(_GAP) > width:
            lines += [name, *(_GAP + line for line in wrapped(text, width - len(_GAP)))]
        elif name or text:
            lines.append((padded(name, left) + _GAP + beside[0]).rstrip())
            lines += [" " * left + _GAP + line for line in beside[1:]]
    return "\n".join(line for line in lines if line)


def _cells(char: str) -> int:
    if category(char) in {"Mn", "Me", "Cf"}:  # it combines with the character before, or is invisible
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


def _escape(char: str) -> str:
    code = ord(char)
    return _SHORT.get(char) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")
