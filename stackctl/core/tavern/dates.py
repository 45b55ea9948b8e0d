"""Dates in a rendered chat template, as macros of SillyTavern, so that today's date is not frozen.

Sources: Python's strftime; the formats of Moment.js, by which SillyTavern's {{datetimeformat}} writes.
"""

import re
from typing import Final

# strftime_now() writes its format between these private characters
BEFORE, AFTER = "\ue000", "\ue001"
_DATE: Final = re.compile(f"{BEFORE}([^{BEFORE}{AFTER}]*){AFTER}")
_FORM: Final = re.compile(r"[\w %.,:;/()-]*")  # anything else could end the macro, or begin another one
_PART: Final = re.compile(r"%-?(.)|([A-Za-z]+)|([^%A-Za-z]+)")
_MOMENT: Final = {
    "d": "DD", "m": "MM", "Y": "YYYY", "y": "YY", "b": "MMM", "B": "MMMM", "A": "dddd", "a": "ddd", "H": "HH",
    "I": "hh", "M": "mm", "S": "ss", "p": "A", "j": "DDDD", "F": "YYYY-MM-DD", "T": "HH:mm:ss",
}  # fmt: skip
_WITHOUT_ZERO: Final = {"d": "D", "m": "M", "H": "H", "I": "h"}


def as_macros(text: str) -> str | None:
    """Return the text with SillyTavern's macros for its dates; None if a date is not written by its format alone."""
    try:
        found = _DATE.sub(lambda match: f"{{{{datetimeformat {_moment(match[1])}}}}}", text)
    except KeyError:
        return None
    return None if BEFORE in found or AFTER in found else found


def has_macro(text: str) -> bool:
    return "{{datetimeformat " in text


def _moment(form: str) -> str:
    """Return Moment's format; raise KeyError if it has no such part."""
    if not _FORM.fullmatch(form):
        raise KeyError(form)
    parts = []
    for match in _PART.finditer(form):
        if match[1]:
            has_no_zero = match[0].startswith("%-")
            parts.append((_WITHOUT_ZERO if has_no_zero else _MOMENT)[match[1]])
        else:
            parts.append(f"[{match[2]}]" if match[2] else match[3])
    return "".join(parts)
