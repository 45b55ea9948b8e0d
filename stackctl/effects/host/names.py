"""This machine's own names, from local files and daemons only."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

from stackctl.core.plan.host_names import of_machine

_PATIENCE_S: Final = 1.0  # a daemon of this machine answers within milliseconds
_LARGEST: Final = 1 << 20  # bytes: a hosts file that blocks advertisements has megabytes, the machine's lines first
# `tailscale status --json` without starting a program; any user may read it (tailscale/tailscale#1137)
_STATUS: Final = "/localapi/v0/status?peers=false"


def names(
    *,
    host: Callable[[], str] = socket.gethostname,
    hosts_file: Path = Path("/etc/hosts"),
    tailscale: Path = Path("/var/run/tailscale/tailscaled.sock"),
    patience_s: float = _PATIENCE_S,
) -> tuple[str, ...]:
    """Return the names by which this machine may be called."""
    return of_machine(host(), _beginning(hosts_file), _tailscale_status(tailscale, patience_s))


def _beginning(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_LARGEST).decode("utf-8", "replace")
    except OSError:
        return ""


def _tailscale_status(at: Path, patience_s: float) -> str:
    """Return the daemon's answer; "" if none runs, or it does not answer."""
    with socket.socket(socket.AF_UNIX) as to_daemon:
        to_daemon.settimeout(patience_s)
        try:
            to_daemon.connect(str(at))
        except OSError:
            return ""
        from http.client import HTTPConnection, HTTPException  # it imports ssl, and few machines have this daemon

        http = HTTPConnection("local-tailscaled.sock")
        http.sock = to_daemon
        try:
            http.request("GET", _STATUS)
            return http.getresponse().read(_LARGEST).decode("utf-8", "replace")
        except (OSError, HTTPException):
            return ""
