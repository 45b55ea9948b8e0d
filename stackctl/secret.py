"""Secrets: a type whose repr is ***, the same put in their place in any text, and the form of keys and passwords."""

import json
import re
import shlex
from collections.abc import Iterable
from typing import Final

from stackctl.errors import ConfigError

HIDDEN: Final = "***"
# characters that need no escape in a header, a shell's word, JSON or a line of a file; a shorter key could be guessed
_KEY: Final = re.compile(r"[A-Za-z0-9_.~-]{32,256}")

_PASSWORD: Final = re.compile(r"[!-~]{12,128}")


class Secret:
    """A text that only reveal() returns; printed, formatted or shown in a traceback it is ***."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


def is_api_key(text: str) -> bool:
    """Return whether a text has the form of stackctl's API keys; a common word never has it, so none is hidden."""
    return bool(_KEY.fullmatch(text))


def is_password(text: str) -> bool:
    """Return whether a text has the form of a password for SillyTavern's page."""
    return bool(_PASSWORD.fullmatch(text))


def api_key(text: str, place: str) -> Secret:
    """Return the API key in the text of the file at `place`.

    Raise ConfigError, which does not quote the text, if it is no key.
    """
    if not is_api_key(text.strip()):
        raise ConfigError(
            f"{place} contains no API key: a key is one line of 32 to 256 letters, digits and any of _ . ~ -",
            hint=f"Delete it with `rm {shlex.quote(place)}`: the next `stackctl deploy` makes a new key.",
            issue="own-file-damaged",
        )
    return Secret(text.strip())


def servers_key(text: str, place: str) -> Secret:
    """Return the API key of a server that the stack does not run; it may be any text that fits into a header.

    Raise ConfigError, which does not quote the text, if it is no key.
    """
    key = text.strip()
    if not key or not all("!" <= char <= "~" for char in key):
        raise ConfigError(
            f"{place} contains no API key",
            hint="Write the key that the server was started with into it, as its only line.",
            issue="own-file-damaged",
        )
    return Secret(key)


def typed_password(text: str, place: str) -> Secret:
    """Return the password in the text of the file at `place`; raise ConfigError if it is none."""
    if not is_password(text.strip()):
        raise ConfigError(
            f"{place} contains no password: a password is one line of 12 to 128 printable ASCII characters without "
            "spaces",
            hint=f"Delete it with `rm {shlex.quote(place)}`: the next `stackctl deploy` makes a new password.",
            issue="own-file-damaged",
        )
    return Secret(text.strip())


def hidden(text: str, secrets: Iterable[Secret]) -> str:
    """Return the text with *** in place of every secret, also where the secret is written as JSON."""
    for secret in secrets:
        plain = secret.reveal()
        for form in {plain, json.dumps(plain)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1]} - {""}:
            text = text.replace(form, HIDDEN)
    return text
