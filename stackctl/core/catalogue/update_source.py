"""The source of newer catalogues: an address and the key of whoever signs them. A file's signature lies beside it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from stackctl.errors import ConfigError

# the project's own address and public key; it has neither yet
URL: Final = ""
KEY: Final = ""
MOST_BYTES: Final = 256 << 10  # of a catalogue; 60 models take a fifth
MOST_SIGNATURE_BYTES: Final = 1 << 10
_ADDRESS: Final = "Give an address that begins with https://."


@dataclass(frozen=True, kw_only=True)
class UpdateSource:
    """Where newer catalogues come from. key: an Ed25519 public key, or the path of its file. "" is what is not set."""

    url: str = ""
    key: str = ""

    @property
    def is_set(self) -> bool:
        return bool(self.url and self.key)

    @property
    def signature_url(self) -> str:
        """Return the address of the signature: `.sig` behind the path, before a query."""
        parts = urlsplit(self.url)
        return parts._replace(path=f"{parts.path}.sig").geturl()


def of_environment(environment: Mapping[str, str]) -> UpdateSource:
    """Return the source that the environment names; the project's own where it does not."""
    url, key = (environment.get(name, "") for name in ("STACKCTL_CATALOGUE_URL", "STACKCTL_CATALOGUE_KEY"))
    return UpdateSource(url=url or URL, key=key or KEY)


def refuse_unset(source: UpdateSource) -> None:
    """Raise ConfigError unless both the address and the key are set."""
    if source.is_set:
        return
    lacks = [words for words, value in (("address", source.url), ("key", source.key)) if not value]
    raise ConfigError(
        f"no update source is set: stackctl has no {' and no '.join(lacks)} for newer catalogues",
        hint="Set STACKCTL_CATALOGUE_URL and STACKCTL_CATALOGUE_KEY, or give `--url` and `--key`.",
    )


def refuse_address(url: str) -> None:
    """Raise ConfigError for an address that is not https; http is allowed to this machine alone."""
    if re.search(r"[\x00-\x20\x7f]", url):
        raise ConfigError("the address of the catalogue holds a blank or a control character", hint=_ADDRESS)
    parts = _split(url)
    if parts is None or not parts.hostname or parts.scheme not in {"http", "https"}:
        raise ConfigError(f"{shown(url)} is no https address", hint=_ADDRESS)
    if not is_allowed(url):
        raise ConfigError(
            f"{shown(url)} is read without encryption, which is allowed from this machine alone", hint=_ADDRESS
        )


def is_allowed(url: str, after: str = "") -> bool:
    """Return whether a catalogue may come from an address, to which `after` redirects if it is given.

    A redirect stays encrypted, and leads to this machine only from this machine.
    """
    parts = _split(url)
    if parts is None or not parts.hostname:
        return False
    is_here = _is_loopback(parts.hostname)
    if after and not _is_loopback(urlsplit(after).hostname or ""):
        return parts.scheme == "https" and not is_here
    return parts.scheme == "https" or (parts.scheme == "http" and is_here)


def shown(url: str) -> str:
    """Return an address for messages, without user, password, query and fragment."""
    parts = _split(url)
    if parts is None or not parts.netloc:
        return repr(url[:100])
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises ValueError for an invalid one
    except ValueError:
        return None
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
