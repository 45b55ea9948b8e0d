"""Names and servers of the network: whether they answer, within a limit of time."""

import http.client
import socket
import ssl
import threading
import time
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from stackctl.contracts.system import Reached

T = TypeVar("T")
_AGENT: Final = "stackctl"


def resolve(name: str, within_s: float) -> str:
    """Return "" if a name has an address, else why it has none; "timeout" if no answer came in time."""

    def look() -> str:
        try:
            socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            return str(error)
        return ""

    found = _within(within_s, look)
    return "timeout" if found is None else found


def proxy_for(url: str) -> str:
    """Return the host:port of the proxy that the environment names for a URL; "" for none."""
    parts = _proxy(urlsplit(url))
    return _place(parts) if parts else ""


def reach(url: str, within_s: float) -> Reached:
    """Ask a server for its headers alone, by the environment's proxy. Nothing is sent but the request."""
    found = _within(within_s, lambda: _ask(url, within_s))  # the whole answer has no limit in the library
    return found or Reached(failure="timeout", says=f"no answer within {within_s:g} s", proxy=proxy_for(url))


def _within(within_s: float, look: Callable[[], T]) -> T | None:
    """Return what a look gives; None if it takes longer: its thread ends by itself, or with the program."""
    found: list[T] = []
    thread = threading.Thread(target=lambda: found.append(look()), daemon=True)
    thread.start()
    thread.join(within_s)
    return found[0] if found else None


def _ask(url: str, within_s: float) -> Reached:
    parts = urlsplit(url)
    proxy = _proxy(parts)
    by = _place(proxy) if proxy else ""
    if proxy and proxy.scheme not in {"http", ""}:
        return Reached(failure="unasked", says=f"a proxy by {proxy.scheme} can't be asked here", proxy=by)
    try:
        status, date, at = _headers(parts, proxy, within_s, ssl.create_default_context())
        return Reached(status=status, ahead_s=at - date if date else None, proxy=by)
    except socket.gaierror as error:
        return Reached(failure="name", says=str(error), proxy=by)
    except ssl.SSLError as error:
        return Reached(failure="tls", says=_words(error), ahead_s=_unproved_ahead_s(parts, proxy, within_s), proxy=by)
    except TimeoutError as error:
        return Reached(failure="timeout", says=str(error), proxy=by)
    except ConnectionRefusedError as error:
        return Reached(failure="refused", says=str(error), proxy=by)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Reached(failure="other", says=str(error), proxy=by)


def _headers(
    parts: SplitResult, proxy: SplitResult | None, within_s: float, context: ssl.SSLContext
) -> tuple[int, float, float]:
    """Return the status, the server's time (0.0 if it does not tell) and ours at that moment."""
    first = proxy or parts
    host, port = first.hostname or "", first.port
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(
            host, port or (80 if proxy else 443), timeout=within_s, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=within_s)
    path = parts.path or "/"
    if proxy and parts.scheme == "https":
        connection.set_tunnel(parts.hostname or "", parts.port or 443, headers=_login(proxy))
    elif proxy:
        path = parts.geturl()
    try:
        headers = {"User-Agent": _AGENT, **(_login(proxy) if proxy and parts.scheme != "https" else {})}
        connection.request("HEAD", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, _seconds(answer.headers.get("Date", "")), time.time()
    finally:
        connection.close()


def _unproved_ahead_s(parts: SplitResult, proxy: SplitResult | None, within_s: float) -> float | None:
    """Return how far our clock is ahead of a server whose certificate we refuse: a wrong clock may be the reason.

    Only its headers are read, and only its time is used.
    """
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with suppress(OSError, http.client.HTTPException, ValueError):
        _, date, at = _headers(parts, proxy, within_s, context)
        return at - date if date else None
    return None


def _words(error: ssl.SSLError) -> str:
    return getattr(error, "verify_message", "") or error.reason or str(error)


def _proxy(url: SplitResult) -> SplitResult | None:
    """Return the environment's proxy for a URL; None for none."""
    named: Mapping[str, str] = urllib.request.getproxies_environment()
    address = named.get(url.scheme) or named.get("all") or ""
    if not address or urllib.request.proxy_bypass_environment(url.netloc):  # type: ignore[attr-defined]  # not in typeshed
        return None
    with suppress(ValueError):
        found = urlsplit(address if "//" in address else f"http://{address}")
        return found if found.hostname and found.port != 0 else None  # raises ValueError for a port that is none
    return None


def _place(proxy: SplitResult) -> str:
    return f"{proxy.hostname}:{proxy.port or 80}"


def _login(proxy: SplitResult) -> dict[str, str]:
    """Return the header with the user and password that the proxy's address holds; {} if it holds none."""
    if not proxy.username:
        return {}
    words = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(words.encode()).decode()}"}


def _seconds(date: str) -> float:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return 0.0
