"""The JavaScript that node runs in containers of SillyTavern's image: one file per script, passed as one line."""

from functools import cache
from pathlib import Path


@cache
def one_line(name: str) -> str:
    """Return the text of NAME.js as an argument for `node -e`: without its comment lines, indents and line ends.

    So such a file may break a line only where JavaScript needs no line end, and `//` may only begin a line.
    """
    text = (Path(__file__).parent / f"{name}.js").read_text(encoding="utf-8")
    return "".join(line.strip() for line in text.splitlines() if not line.lstrip().startswith("//"))
