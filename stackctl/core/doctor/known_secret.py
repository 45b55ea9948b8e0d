"""A secret whose value is known, and all the ways in which a file may have it written."""

import base64
import html
import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, quote_plus

_LEAST: Final = 3  # characters; whoever has a shorter password has none
_SHORT: Final = 5  # characters; a shorter value is searched for as a whole word alone
_CODED: Final = 6  # characters; a shorter value is not searched for as base64 or hex, which other text would hold
_LINE: Final = 12  # characters of a line of a longer secret (a private key) that is itself a secret
# values that are in every installation: SillyTavern's default name and password, and switches
_COMMON: Final = frozenset({"", "password", "user", "true", "false", "none", "null", "default", "auto", "on", "off"})


@dataclass(frozen=True, kw_only=True)
class Known:
    """A secret. kind: what it is, in a few words."""

    kind: str
    value: str

    @property
    def is_word(self) -> bool:
        """Whether it is so short that it counts only where it stands as a separate word."""
        return len(self.value) < _SHORT


def secrets_in(kind: str, value: str) -> Iterator[Known]:
    """Give the secrets of one value: itself, and the lines of a long one; none for a value that everybody has."""
    value = value.strip()
    if value.lower() not in _COMMON and len(value) >= _LEAST:
        yield Known(kind=kind, value=value)
    lines = value.splitlines()
    if len(lines) > 1:
        for line in lines:
            if len(line.strip()) >= _LINE and not line.startswith("-----"):
                yield Known(kind=kind, value=line.strip())


def written_forms(value: str) -> frozenset[str]:
    """Return the ways in which text has a value written: as it is, escaped for JSON, URLs, HTML, shells and YAML."""
    plain = value, *_as_json(value)
    forms = {*plain, *(one for once in plain for one in _as_json(once))}
    for quoted in (quote(value), quote(value, safe=""), quote_plus(value)):
        forms |= {quoted, quoted.lower()} if quoted != value else set()
    forms |= {html.escape(value), html.escape(value, quote=False), repr(value)[1:-1], shlex.quote(value).strip("'")}
    forms |= {value.replace("$", "$$"), value.replace("'", "''"), value.replace("/", "\\/")}
    return frozenset(forms - {""})


def coded_forms(value: str) -> frozenset[str]:
    """Return what base64 and hex make of a value, wherever it begins in what was encoded; () for a short value."""
    raw = value.encode("utf-8", "surrogatepass")
    if len(raw) < _CODED:
        return frozenset()
    found = {raw.hex(), raw.hex().upper()}
    for before in range(3):  # bytes of the encoded text before the value, modulo 3
        encoded = base64.b64encode(bytes(before) + raw).decode()
        piece = encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]  # without what its neighbours decide, too
        found |= {piece, piece.translate(str.maketrans("+/", "-_"))}
    return frozenset(found)


def _as_json(value: str) -> tuple[str, str]:
    return json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]
