"""Whether something answers where the engine should be: asked in moments, without the engine's SDK."""

import hashlib
import json
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from stackctl.contracts.engine_link import EngineLink, LinkFailure

_USUAL: Final = "unix:///var/run/docker.sock"
_PING: Final = b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"
_PORT: Final = 2375
_LONGEST: Final = 200  # characters of what another program says
_MOST: Final = 1 << 16  # bytes of a file


def find_link(within_s: float) -> EngineLink:
    """Return where the engine of the current Docker context is, and whether it answers in time. Never raises."""
    if host := os.environ.get("DOCKER_HOST"):
        return _tried(EngineLink(address=host, source="DOCKER_HOST"), within_s)
    name = os.environ.get("DOCKER_CONTEXT") or str(_json(_config() / "config.json").get("currentContext") or "")
    if not name or name == "default":
        return _tried(EngineLink(address=_USUAL), within_s)
    # https://github.com/docker/cli/blob/v28.0.0/cli/context/store/metadatastore.go: a folder by the name's hash
    meta = _config() / "contexts" / "meta" / hashlib.sha256(name.encode(errors="replace")).hexdigest() / "meta.json"
    endpoints = _json(meta).get("Endpoints")
    docker = endpoints.get("docker") if isinstance(endpoints, dict) else None
    address = str(docker.get("Host") or "") if isinstance(docker, dict) else ""
    found = EngineLink(address=address, source="context", context=name[:_LONGEST])
    return _tried(found, within_s) if address else _failed(found, "context", f"{meta} names no engine")


def _tried(link: EngineLink, within_s: float) -> EngineLink:
    try:
        parts = urlsplit(link.address)
    except ValueError as error:
        return _failed(link, "unknown", str(error))
    if parts.scheme == "unix":
        path = link.address.removeprefix("unix://")
        return _unix(EngineLink(**{**vars(link), "socket": path}), path, within_s)
    if parts.scheme == "ssh":
        return _failed(link, "elsewhere", f"it is reached by SSH: {parts.hostname}")
    if parts.scheme in {"tcp", "http", "https"}:
        return _tcp(link, within_s)
    return _failed(link, "unknown", "no engine has an address of this kind")


def _unix(link: EngineLink, path: str, within_s: float) -> EngineLink:
    with suppress(OSError):
        if not stat.S_ISSOCK(Path(path).stat().st_mode):
            return _failed(link, "unknown", f"{path} is no socket")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(within_s)
        return _pinged(link, connection, path)


def _tcp(link: EngineLink, within_s: float) -> EngineLink:
    """Connect, and ask no more where the connection would have to be encrypted."""
    try:
        parts = urlsplit(link.address)
        place = (parts.hostname or "", parts.port or _PORT)
        with socket.create_connection(place, timeout=within_s) as connection:
            if parts.scheme == "https" or os.environ.get("DOCKER_TLS_VERIFY") or link.source == "context":
                return link
            return _pinged(link, connection)
    except ValueError as error:  # a port that is no number
        return _failed(link, "unknown", str(error))
    except TimeoutError as error:
        return _failed(link, "missing", str(error))
    except ConnectionRefusedError as error:
        return _failed(link, "refused", str(error))
    except OSError as error:
        return _failed(link, "missing", str(error))


def _pinged(link: EngineLink, connection: socket.socket, path: str = "") -> EngineLink:
    """Return the link with what an engine's ping gave; path: connect to this socket first."""
    try:
        if path:
            connection.connect(path)
        connection.sendall(_PING)
        answer = connection.recv(_LONGEST)
    except (FileNotFoundError, NotADirectoryError) as error:
        return _failed(link, "missing", str(error))
    except PermissionError as error:
        return _failed(link, "permission", str(error))
    except (ConnectionRefusedError, BlockingIOError) as error:
        return _failed(link, "refused" if isinstance(error, ConnectionRefusedError) else "silent", str(error))
    except (TimeoutError, ConnectionError) as error:
        return _failed(link, "silent", str(error))
    except OSError as error:  # a path that is too long, for one
        return _failed(link, "unknown", str(error))
    if not answer:
        return _failed(link, "silent", "it closed the connection without an answer")
    if answer.startswith(b"HTTP/1."):
        return link
    return _failed(link, "unknown", f"it is no engine: it answers {answer[:60].decode(errors='replace')!r}")


def _failed(link: EngineLink, failure: LinkFailure, says: str) -> EngineLink:
    return EngineLink(**{**vars(link), "failure": failure, "says": says[:_LONGEST]})


def _config() -> Path:
    """Return the folder of the docker command's configuration."""
    if named := os.environ.get("DOCKER_CONFIG"):
        return Path(named)
    with suppress(RuntimeError):  # a user without a home
        return Path.home() / ".docker"
    return Path("/.docker")


def _json(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError), path.open("rb") as file:
        found = json.loads(file.read(_MOST))
        return found if isinstance(found, dict) else {}
    return {}
