"""All that stackctl knows about SillyTavern's container: image, mounts, environment. See also settings_json.py.

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
# kind of preset -> its folder in the image; preset_files has those of the user's
PRESETS: Final[Mapping[str, str]] = {
    kind: f"{APP}/default/content/presets/{kind}" for kind in ("instruct", "context", "reasoning", "textgen")
}
OUR_EXTENSION: Final = "stackctl"  # in the extensions folder: stackctl/tavern_extension
STAMP: Final = "stamp.json"  # in the extension's folder, changed whenever stackctl writes settings
STATE: Final = "state.json"  # in the extension's folder, changed while stackctl starts the backend
# folder in the data folder next to compose.yml -> place in the container
FOLDERS: Final[Mapping[str, str]] = {
    "config": f"{APP}/config",
    "data": f"{APP}/data",
    "plugins": f"{APP}/plugins",
    "extensions": f"{APP}/public/scripts/extensions/third-party",
}
USER: Final = "stackctl"  # the user name for the password
CONFIG: Final = "config/config.yaml"  # in the data folder
SETTINGS: Final = "data/default-user/settings.json"  # in the data folder


def health() -> tuple[str, ...]:
    """Return a command for inside the container that succeeds if SillyTavern answers, also with 401 (a password).

    It uses busybox, which takes 5 ms of CPU; node takes 200 (measured), and on a busy machine longer than the time-out.
    """
    answer = f"wget -S -O - http://127.0.0.1:{PORT}/version 2>&1"
    return ("CMD", "sh", "-c", f"{answer} | grep -E 'HTTP/1.. (200|401) '")


def entrypoint(ready_url: str, body: str, wait_s: int, server_type: str) -> tuple[str, ...]:
    """Return an entrypoint that waits up to `wait_s` seconds for the backend's model, then runs the image's entrypoint.

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
    """Return SillyTavern's settings as environment variables; arrays are JSON (with a plain list it refuses all).

    trusted: the edge network's gateway, or a proxy's address. admitted: further networks. names: host names,
    in addition to localhost and IP addresses. is_proxied: addresses in the proxy's X-Forwarded-For must be admitted,
    too. The password itself is in config.yaml, because `docker inspect` shows environment variables.
    """
    # it refuses to start with neither a password nor a whitelist, so the whitelist is never off alone
    exposed = {"SILLYTAVERN_BASICAUTHMODE": "true"} if has_password else {}
    if has_password and not sees_clients:
        exposed["SILLYTAVERN_WHITELISTMODE"] = "false"
    if is_proxied:
        exposed |= {
            # Caddy replaces X-Forwarded-For, but forwards any X-Real-IP, which SillyTavern would read first
            "SILLYTAVERN_FORWARDEDHEADERS_XREALIP": "false",
            "SILLYTAVERN_FORWARDEDHEADERS_XFORWARDEDFOR": "true",
            "SILLYTAVERN_ENABLEFORWARDEDWHITELIST": "true",
        }
    return exposed | {
        # a client on this machine has the address of the edge network's gateway
        "SILLYTAVERN_WHITELIST": json.dumps(["127.0.0.1", "::1", trusted, *admitted]),
        "SILLYTAVERN_HOSTWHITELIST_ENABLED": "true",  # always "true": any other text means true as well
        "SILLYTAVERN_HOSTWHITELIST_HOSTS": json.dumps(names),
        # by default pages of the origin "null" may read it, and any page can open one in a frame (src/server-main.js)
        "SILLYTAVERN_CORS_ENABLED": "false",
        "SILLYTAVERN_BROWSERLAUNCH_ENABLED": "false",
        "HOME": "/tmp",  # noqa: S108 - its own tmpfs; it runs as a user that the image does not know
    }
