"""Text as a terminal takes it: what it would obey instead of showing it, or show in another order than it stands."""

import re
from typing import Final

# C0 and C1 controls, marks that turn the direction of writing, ends of lines and paragraphs, halves of a character
_UNSEEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\N{ARABIC LETTER MARK}\N{LEFT-TO-RIGHT MARK}\N{RIGHT-TO-LEFT MARK}"
    "\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def is_plain(text: str) -> bool:
    """Whether all of a text is shown, as it stands and in one line."""
    return not _UNSEEN.search(text)
