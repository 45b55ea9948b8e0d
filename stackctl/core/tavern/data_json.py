"""JSON files in SillyTavern's data folder, which are untrusted: programs in its container may write anything."""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Mapping
from typing import Any, Final

from stackctl.core.formats import bounded_json

MOST_VALUES: Final = 1_000_000  # of a settings.json; SillyTavern's default has a few thousand
_HALVES: Final = re.compile("[\ud800-\udfff]")


def parse(raw: bytes | str | None) -> dict[str, Any] | None:
    """Return the object in a file; None if it is no JSON object, too large or nested too deeply."""
    if raw is None:
        return None
    try:
        text = raw.decode("utf-8-sig") if isinstance(raw, bytes) else raw
        return bounded_json.parse(text, MOST_VALUES, is_finite=True)
    except (UnicodeDecodeError, bounded_json.NoTable):
        return None


def dump(table: Mapping[str, Any]) -> str:
    """Return the text as SillyTavern writes the file, with escapes for lone surrogates, which a cut emoji leaves."""
    text = json.dumps(table, indent=4, ensure_ascii=False)
    return _HALVES.sub(lambda half: f"\\u{ord(half[0]):04x}", text) + "\n"


def is_unreadable(raw: bytes) -> bool:
    """Return whether SillyTavern can't parse a file because of its byte order mark, which parse() ignores."""
    return raw.startswith(BOM_UTF8)
