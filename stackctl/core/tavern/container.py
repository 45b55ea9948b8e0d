"""All that stackctl knows of SillyTavern's container: image, mounts, environment. Its settings: tavern_settings.py.

Sources: SillyTavern 1.19.0 (run), its docker/ folder and default/config.yaml.
"""

import json
from collections.abc import Mapping
from typing import Final

from stackctl.core.tavern import secrets_json as tavern_secrets
from stackctl.scripts import one_line

NAME: Final = "sillytavern"
IMAGE: Final = "ghcr.io/sillytavern/sillytavern:1.19.0"
OWN_IMAGE: Final = "localhost/stackctl/sillytavern:1.19.0"
IMAGE_TOOLS: Final[tuple[str, ...]] = ("node", "sh", "git", "wget", "grep")
PORT: Final = 8000
START_S: Final = 120  # 6 to 17 s on two cores; a Raspberry Pi or a NAS takes far longer
APP: Final = "/home/node/app"
BACKUPS: Final = f"{APP}/backups"
STOCK_SETTINGS: Final = f"{APP}/default/content/settings.json"
# kind of preset -> where the image keeps those it comes with; the user's own lie in folders of the same names
PRESETS: Final[Mapping[str, str]] = {
    kind: f"{APP}/default/content/presets/{kind}" for kind in ("instruct", "context", "reasoning")
}
OUR_EXTENSION: Final = "stackctl"  # below the extensions folder: stackctl/tavern_extension
STAMP: Final = "stamp.json"  # in it, changed whenever we write settings
STATE: Final = "state.json"  # in it, changed while we start the backend
# folder beside compose.yml's data folder -> place in the container
FOLDERS: Final[Mapping[str, str]] = {
    "config": f"{APP}/config",
    "data": f"{APP}/data",
    "plugins": f"{APP}/plugins",
    "extensions": f"{APP}/public/scripts/extensions/third-party",
}
USER: Final = "stackctl"  # who is asked for the password
CONFIG: Final = "config/config.yaml"  # below the data folder
SETTINGS: Final = "data/default-user/settings.json"  # below the data folder


def health() -> tuple[str, ...]:
    """A command inside the container that succeeds once SillyTavern answers. 401: it asks for a password, so it lives.

    By busybox, which takes 5 ms of CPU; node takes 200 (run), and on a busy machine more seconds than a check has.
    """
    answer = f"wget -S -O - http://127.0.0.1:{PORT}/version 2>&1"
    return ("CMD", "sh", "-c", f"{answer} | grep -E 'HTTP/1.. (200|401) '")


def entrypoint(ready_url: str, body: str, wait_s: int, server_type: str) -> tuple[str, ...]:
    """Wait up to `wait_s` seconds for the backend's loaded model, then run the image's own entrypoint.

    Compose's start order does not hold when the engine itself restarts containers (a reboot), and SillyTavern's page
    asks the backend only once.
    """
    script = 'node -e "$1" -- "$2" "$3" "$4" "$5" "$6"; exec ./docker-entrypoint.sh'
    keys = f"{APP}/{tavern_secrets.FILE}", tavern_secrets.key_name(server_type)
    return ("sh", "-c", script, "wait-for-backend", one_line("wait_for_backend"), ready_url, body, str(wait_s), *keys)


def environment(
    trusted: str,
    admitted: tuple[str, ...] = (),
    *,
    names: tuple[str, ...] = (),
    is_proxied: bool = False,
    has_password: bool = False,
    sees_clients: bool = True,
) -> dict[str, str]:
    """SillyTavern's settings by environment; arrays are JSON (a plain list makes it refuse everybody).

    trusted: the edge network's gateway, or a proxy's address. admitted: networks besides. names: under which it answers
    besides localhost and IP addresses. is_proxied: what the proxy's X-Forwarded-For says must be admitted, too. The
    password itself lies in config.yaml: `docker inspect` shows these.
    """
    # without a password it refuses to start with its whitelist off, so that is never left out alone
    exposed = {"SILLYTAVERN_BASICAUTHMODE": "true"} if has_password else {}
    if has_password and not sees_clients:
        exposed["SILLYTAVERN_WHITELISTMODE"] = "false"
    if is_proxied:
        exposed |= {
            # Caddy replaces X-Forwarded-For, but hands on any X-Real-IP, which SillyTavern would look at first
            "SILLYTAVERN_FORWARDEDHEADERS_XREALIP": "false",
            "SILLYTAVERN_FORWARDEDHEADERS_XFORWARDEDFOR": "true",
            "SILLYTAVERN_ENABLEFORWARDEDWHITELIST": "true",
        }
    return exposed | {
        # what comes from this machine through the published port has the edge network's gateway as its address
        "SILLYTAVERN_WHITELIST": json.dumps(["127.0.0.1", "::1", trusted, *admitted]),
        "SILLYTAVERN_HOSTWHITELIST_ENABLED": "true",  # only ever "true": any other text is taken for it, too
        "SILLYTAVERN_HOSTWHITELIST_HOSTS": json.dumps(names),
        # by default it lets pages of the origin "null" read, which any page can open in a frame (src/server-main.js)
        "SILLYTAVERN_CORS_ENABLED": "false",
        "SILLYTAVERN_BROWSERLAUNCH_ENABLED": "false",
        "HOME": "/tmp",  # noqa: S108 - its own tmpfs; it runs as a user that the image does not know
    }
