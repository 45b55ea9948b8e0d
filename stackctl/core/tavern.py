"""All that stackctl knows of SillyTavern: image, mounts, environment, settings.

Sources: SillyTavern 1.19.0 (run), its docker/ folder and default/config.yaml.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from stackctl.core import tavern_secrets

NAME: Final = "sillytavern"
IMAGE: Final = "ghcr.io/sillytavern/sillytavern:1.19.0"
OWN_IMAGE: Final = "localhost/stackctl/sillytavern:1.19.0"
IMAGE_TOOLS: Final[tuple[str, ...]] = ("node", "sh", "git")
PORT: Final = 8000
START_S: Final = 120  # 6 to 17 s on two cores; a Raspberry Pi or a NAS takes far longer
APP: Final = "/home/node/app"
BACKUPS: Final = f"{APP}/backups"
STOCK_SETTINGS: Final = f"{APP}/default/content/settings.json"
# folder beside compose.yml's data folder -> place in the container
FOLDERS: Final[Mapping[str, str]] = {
    "config": f"{APP}/config",
    "data": f"{APP}/data",
    "plugins": f"{APP}/plugins",
    "extensions": f"{APP}/public/scripts/extensions/third-party",
}
SETTINGS: Final = "data/default-user/settings.json"  # below the data folder

HEALTH: Final = (
    "CMD",
    "node",
    "-e",
    f"fetch('http://127.0.0.1:{PORT}/version').then(r=>process.exit(r.ok||r.status===401?0:1),()=>process.exit(1))",
)

# Compose's start order does not hold when the engine itself restarts containers (a reboot), and SillyTavern's page
# asks the backend only once: so the container waits for the loaded model, though not for ever, and then starts.
# It asks with the key that SillyTavern will send; where that is wrong (401), waiting would not mend it
_WAIT: Final = (
    "const[u,b,s,f,n]=process.argv.slice(1),t=Date.now()+s*1e3,"
    "k=()=>{try{return JSON.parse(require('fs').readFileSync(f))[n].find(e=>e.active).value}catch{}},"
    "o=a=>({signal:AbortSignal.timeout(4e3),headers:{...(a&&{authorization:'Bearer '+a}),"
    "...(b&&{'content-type':'application/json'})},...(b&&{method:'POST',body:b})});"
    "(async()=>{for(;;){try{const r=await fetch(u,o(k()));if(r.ok||r.status===401)break}catch{}"
    "if(Date.now()>t)break;await new Promise(r=>setTimeout(r,500))}process.exit()})()"
)


def entrypoint(ready_url: str, body: str, wait_s: int, server_type: str) -> tuple[str, ...]:
    """Wait up to `wait_s` seconds for the backend's loaded model, then run the image's own entrypoint."""
    script = 'node -e "$1" -- "$2" "$3" "$4" "$5" "$6"; exec ./docker-entrypoint.sh'
    keys = f"{APP}/{tavern_secrets.FILE}", tavern_secrets.name(server_type)
    return ("sh", "-c", script, "wait-for-backend", _WAIT, ready_url, body, str(wait_s), *keys)


def environment(edge_gateway: str) -> dict[str, str]:
    """SillyTavern's settings by environment; arrays are JSON (a plain list makes it refuse everybody)."""
    return {
        # what comes from this machine through the published port has the edge network's gateway as its address
        "SILLYTAVERN_WHITELIST": json.dumps(["127.0.0.1", "::1", edge_gateway]),
        "SILLYTAVERN_BROWSERLAUNCH_ENABLED": "false",
        "HOME": "/tmp",  # noqa: S108 - its own tmpfs; it runs as a user that the image does not know
    }


def overlay(server_type: str, url: str, context: int) -> dict[str, Any]:
    """What makes SillyTavern connect on the first page load, without a click."""
    return {
        "firstRun": False,  # its dialogue would block the automatic connection
        "username": "User",
        "user_avatar": "user-default.png",
        "main_api": "textgenerationwebui",
        "max_context": context,
        "amount_gen": 400,
        "textgenerationwebui_settings": {
            "type": server_type,
            "server_urls": {server_type: url},
            "streaming": True,
        },
        "power_user": {
            "auto_connect": True,
            "max_context_unlocked": True,  # else the slider ends at 8192
            "personas": {"user-default.png": "User"},
            "default_persona": "user-default.png",
        },
    }


def merged(stock: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Deep merge: tables are merged, everything else is replaced."""
    result = dict(stock)
    for key, value in over.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result


def seed(stock_text: str, over: Mapping[str, Any]) -> str:
    """settings.json for the first start: the image's own defaults with our overlay."""
    return json.dumps(merged(json.loads(stock_text), over), indent=4, ensure_ascii=False) + "\n"


def rewired(
    settings: Mapping[str, Any], wrote: Mapping[str, Any], over: Mapping[str, Any], above: str = ""
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Settings that follow a changed overlay, and the dotted keys that were left because the user changed them.

    `wrote` is the overlay that we wrote last: only where the settings still say what it says do they get the new value.
    """
    result = dict(settings)
    left: list[str] = []
    for key, value in over.items():
        now, before = settings.get(key), wrote.get(key)
        if isinstance(value, Mapping):
            tables = [one if isinstance(one, Mapping) else {} for one in (now, before)]
            table, below = rewired(tables[0], tables[1], value, f"{above}{key}.")
            left += below
            if table != tables[0]:
                result[key] = table
        elif value == before:
            continue
        elif now in (None, "") or _same(now, before) or _same(now, value):
            result[key] = value
        else:
            left.append(above + key)
    return result, tuple(left)


def _same(one: object, other: object) -> bool:
    """Equal, a URL's last slash left aside: SillyTavern adds it."""
    if isinstance(one, str) and isinstance(other, str):
        return one.rstrip("/") == other.rstrip("/")
    return one == other


def connection(settings: Mapping[str, Any]) -> tuple[str, str]:
    """(type, URL) that SillyTavern's own settings name; ("", "") parts where they name none."""
    text = settings.get("textgenerationwebui_settings")
    if settings.get("main_api") != "textgenerationwebui" or not isinstance(text, Mapping):
        return "", ""
    kind = str(text.get("type", ""))
    urls = text.get("server_urls")
    return kind, str(urls.get(kind, "")) if isinstance(urls, Mapping) else ""
