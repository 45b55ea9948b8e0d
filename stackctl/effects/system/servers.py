"""Names and servers of the network: whether they answer, within a limit of time."""

import http.client
import socket
import ssl
import threading
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from stackctl.contracts.system import Reached

_AGENT: Final = "stackctl"


def resolve(name: str, within_s: float) -> str:
    """Return "" if a name has an address, else why it has none; "timeout" if no answer came in time."""
    said: list[str] = []

    def look() -> None:
        try:
            socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)
            said.append("")
        except (OSError, UnicodeError) as error:
            said.append(str(error))

    # the resolver has no time limit; the thread ends by itself, or with the program
    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(within_s)
    return said[0] if said else "timeout"


def reach(url: str, within_s: float) -> Reached:
    """Ask a server for its headers alone. Nothing is sent but the request, and no proxy is used."""
    found: list[Reached] = []

    def look() -> None:
        found.append(_ask(url, within_s))

    thread = threading.Thread(target=look, daemon=True)  # the whole answer has no limit in the library
    thread.start()
    thread.join(within_s)
    return found[0] if found else Reached(failure="timeout", says=f"no answer within {within_s:g} s")


def _ask(url: str, within_s: float) -> Reached:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=within_s)
    try:
        connection.request("HEAD", parts.path or "/", headers={"User-Agent": _AGENT})
        answer = connection.getresponse()
        return Reached(status=answer.status, date=_seconds(answer.headers.get("Date", "")))
    except socket.gaierror as error:
        return Reached(failure="name", says=str(error))
    except ssl.SSLError as error:
        return Reached(failure="tls", says=str(error))
    except TimeoutError as error:
        return Reached(failure="timeout", says=str(error))
    except ConnectionRefusedError as error:
        return Reached(failure="refused", says=str(error))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Reached(failure="other", says=str(error))
    finally:
        connection.close()


def _seconds(date: str) -> float:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return 0.0
