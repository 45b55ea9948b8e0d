"""The URL of an external backend: its meaning on this machine, and the URLs by which a container may reach it."""

import re
from typing import Final

from stackctl.core.observed import HostIdentity

HOST: Final = "host.docker.internal"  # Docker Desktop's name of its host; extra_hosts adds it on other engines
_PARTS = re.compile(r"(https?)://(\[[^\]]+\]|[^/:?#]+)(?::(\d+))?(.*)", re.DOTALL)
_LOOPBACK = re.compile(r"localhost|.+\.localhost|127(\.\d+){3}|\[::1?\]|0\.0\.0\.0")


def is_url(text: str) -> bool:
    """Return whether the functions of this module can read the URL."""
    return bool(_PARTS.fullmatch(text))


def origin(url: str) -> str:
    """Return the URL without its path; SillyTavern adds the path itself."""
    scheme, name, number, _ = _parts(url)
    return f"{scheme}://{name}{number}"


def host(url: str) -> str:
    return _parts(url)[1].strip("[]")


def port(url: str) -> int:
    scheme, _, number, _ = _parts(url)
    return int(number[1:]) if number else 443 if scheme == "https" else 80


def path(url: str) -> str:
    """Return the part after host and port; "" if it is only a slash."""
    return _parts(url)[3].rstrip("/")


def renamed(url: str, name: str) -> str:
    """Return the URL with another host."""
    scheme, _, number, rest = _parts(url)
    return f"{scheme}://{name}{number}{rest}"


def at_port(url: str, number: int) -> str:
    """Return the URL's server at another port, without a path."""
    scheme, name, _, _ = _parts(url)
    return f"{scheme}://{name}:{number}"


def means_host(url: str, around: HostIdentity) -> bool:
    """Return whether a URL means the machine on which it is used. Inside a container it would mean the container."""
    name = _parts(url)[1].lower()
    short = {full.lower().partition(".")[0] for full in around.names}
    own = {HOST, *(full.lower() for full in around.names), *short, *(f"{one}.local" for one in short)}
    return name in own or bool(_LOOPBACK.fullmatch(name))


def is_here(url: str, around: HostIdentity) -> bool:
    """Return whether a URL leads to this machine, by any of its names or addresses."""
    return means_host(url, around) or host(url) in around.addresses


def candidates(url: str, around: HostIdentity) -> tuple[str, ...]:
    """Return the URLs by which a container may reach the server, the best first."""
    if not means_host(url, around):
        return (origin(url),)
    scheme, _, number, _ = _parts(url)
    # The engine keeps its name for the host up to date, while addresses change, so the name comes first. Rootless
    # engines need this machine's address.
    ways = dict.fromkeys((HOST, around.gateway, *around.windows, *around.addresses[:1]))
    return tuple(f"{scheme}://{way}{number}" for way in ways if way)


def _parts(url: str) -> tuple[str, str, str, str]:
    """Return (scheme, host, ":port" or "", the rest) of a URL that stack.toml accepts."""
    found = _PARTS.fullmatch(url)
    assert found is not None, url  # noqa: S101 - values.Url has checked it
    return found[1], found[2], f":{found[3]}" if found[3] else "", found[4]
