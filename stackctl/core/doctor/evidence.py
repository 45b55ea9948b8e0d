"""Lines of another program or of a file, as a finding shows them."""

from typing import Final

from stackctl.terminal import cut, shown_in_line

_LONGEST: Final = 200  # characters of a line


def lines_of(text: str, most: int) -> tuple[str, ...]:
    """Return the first lines of a text that are not blank, each once, cut, and without control sequences."""
    found = dict.fromkeys(cut(shown_in_line(one.strip()), _LONGEST) for one in text.splitlines() if one.strip())
    return tuple(found)[:most]
