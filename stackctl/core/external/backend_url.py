"""Where a backend's URL leads: what it means on this machine, and the same place as a container may reach it."""

import re
from typing import Final

from stackctl.core.observed import HostIdentity

HOST: Final = "host.docker.internal"  # what Docker Desktop calls its host; elsewhere extra_hosts makes it known
_PARTS = re.compile(r"(https?)://(\[[^\]]+\]|[^/:?#]+)(?::(\d+))?(.*)", re.DOTALL)
_LOOPBACK = re.compile(r"localhost|.+\.localhost|127(\.\d+){3}|\[::1?\]|0\.0\.0\.0")


def is_url(text: str) -> bool:
    """Whether the functions below understand it."""
    return bool(_PARTS.fullmatch(text))


def origin(url: str) -> str:
    """The URL without its path: SillyTavern adds its own."""
    scheme, name, number, _ = _parts(url)
    return f"{scheme}://{name}{number}"


def host(url: str) -> str:
    return _parts(url)[1].strip("[]")


def port(url: str) -> int:
    scheme, _, number, _ = _parts(url)
    return int(number[1:]) if number else 443 if scheme == "https" else 80


def path(url: str) -> str:
    """What stands behind host and port; "" for nothing but a slash."""
    return _parts(url)[3].rstrip("/")


def renamed(url: str, name: str) -> str:
    """The URL with another host."""
    scheme, _, number, rest = _parts(url)
    return f"{scheme}://{name}{number}{rest}"


def means_host(url: str, around: HostIdentity) -> bool:
    """Whether a URL means the machine that it is used on: inside a container the same words mean the container."""
    name = _parts(url)[1].lower()
    short = {full.lower().partition(".")[0] for full in around.names}
    own = {HOST, *(full.lower() for full in around.names), *short, *(f"{one}.local" for one in short)}
    return name in own or bool(_LOOPBACK.fullmatch(name))


def is_here(url: str, around: HostIdentity) -> bool:
    """Whether a URL leads to this machine, by whatever name or address."""
    return means_host(url, around) or host(url) in around.addresses


def candidates(url: str, around: HostIdentity) -> tuple[str, ...]:
    """The URLs under which a container may reach it, best first."""
    if not means_host(url, around):
        return (origin(url),)
    scheme, _, number, _ = _parts(url)
    # a name that the engine keeps right beats addresses, which change; this machine's own serves rootless engines
    ways = dict.fromkeys((HOST, around.gateway, *around.windows, *around.addresses[:1]))
    return tuple(f"{scheme}://{way}{number}" for way in ways if way)


def _parts(url: str) -> tuple[str, str, str, str]:
    """(scheme, host, ":port" or "", the rest) of a URL that stack.toml admits."""
    found = _PARTS.fullmatch(url)
    assert found is not None, url  # noqa: S101 - values.Url
    return found[1], found[2], f":{found[3]}" if found[3] else "", found[4]
