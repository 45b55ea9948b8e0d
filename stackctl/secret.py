"""Texts that must not be shown: a type whose repr is ***, the same put in their place in any text, and a key's form."""

import json
import re
import shlex
from collections.abc import Iterable
from typing import Final

from stackctl.errors import ConfigError

HIDDEN: Final = "***"
# what a header, a shell's word, JSON and a line of a file all carry as it is; shorter ones could be guessed
_KEY: Final = re.compile(r"[A-Za-z0-9_.~-]{32,256}")

_PASSWORD: Final = re.compile(r"[!-~]{12,128}")


class Secret:
    """A text that only reveal() gives; printed, formatted or shown in a traceback it is ***."""

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
    """Whether a text has the form of an API key of ours: only such a one is hidden, and never a common word."""
    return bool(_KEY.fullmatch(text))


def is_password(text: str) -> bool:
    """Whether a text has the form of a password that SillyTavern asks for."""
    return bool(_PASSWORD.fullmatch(text))


def api_key(text: str, place: str) -> Secret:
    """The key that a file holds; raise ConfigError (without it) where the file at `place` holds something else."""
    if not is_api_key(text.strip()):
        raise ConfigError(
            f"{place} holds no API key: that is one line of 32 to 256 letters, digits, and any of _ . ~ -",
            hint=f"delete it, and the next deploy makes a new one: rm {shlex.quote(place)}",
        )
    return Secret(text.strip())


def servers_key(text: str, place: str) -> Secret:
    """The key of a server that is not ours, which may have any form that fits into a header; likewise."""
    key = text.strip()
    if not key or not all("!" <= char <= "~" for char in key):
        raise ConfigError(
            f"{place} holds no API key", hint="one line with the key that the server was started with, and nothing else"
        )
    return Secret(key)


def typed_password(text: str, place: str) -> Secret:
    """The password that a file holds, which may be the user's own; raise ConfigError where there is none to use."""
    if not is_password(text.strip()):
        raise ConfigError(
            f"{place} holds no password: that is one line of 12 to 128 printable ASCII characters, without blanks",
            hint=f"delete it, and the next deploy makes a new one: rm {shlex.quote(place)}",
        )
    return Secret(text.strip())


def hidden(text: str, secrets: Iterable[Secret]) -> str:
    """The text with *** for every secret, also where it stands as JSON writes it."""
    for secret in secrets:
        plain = secret.reveal()
        for form in {plain, json.dumps(plain)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1]} - {""}:
            text = text.replace(form, HIDDEN)
    return text
