"""SillyTavern folders of every layout, made up: a few chats, characters, settings, and what surrounds them."""

import hashlib
import json
from pathlib import Path
from typing import Any

CHAT = '{"user_name":"User","character_name":"Alice"}\n{"name":"Alice","is_user":false,"mes":"Hello, café"}\n'
CARD = b"\x89PNG\r\n\x1a\n\0\0not a whole picture\xff"
PROFILE = {"id": "p1", "name": "home", "api": "koboldcpp", "api-url": "http://127.0.0.1:5001/api"}
CONFIG = (
    "# mine\ndataRoot: ./data\nlisten: true\nport: 9000 # not 8000\n"
    "ssl:\n  enabled: true\nextensions:\n  enabled: false\n"
)


def settings(version: str = "1.18.0", **more: Any) -> str:
    content = {
        "firstRun": False,
        "currentVersion": version,
        "username": "Zoë",
        "main_api": "textgenerationwebui",
        "max_context": 4096,
        "textgenerationwebui_settings": {"type": "koboldcpp", "server_urls": {"koboldcpp": "http://127.0.0.1:5001"}},
        "power_user": {"auto_connect": False},
        "extension_settings": {"connectionManager": {"profiles": [PROFILE], "selectedProfile": "p1"}},
    }
    return json.dumps(content | more, indent=4, ensure_ascii=False)


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def user(prefix: str) -> dict[str, str | bytes]:
    """What one user has, below the prefix."""
    return {
        f"{prefix}chats/Alice/2026-1-1 @10h.jsonl": CHAT,
        f"{prefix}chats/Alice/Branch #1.jsonl": CHAT * 2,
        f"{prefix}group chats/1700000000.jsonl": CHAT,
        f"{prefix}groups/1700000000.json": '{"id":"1700000000","members":["Alice.png"]}',
        f"{prefix}characters/Alice.png": CARD,
        f"{prefix}worlds/Eldoria.json": "{}",
        f"{prefix}User Avatars/user-default.png": CARD,
        f"{prefix}QuickReplies/Mine.json": "{}",
        f"{prefix}settings.json": settings(),
    }


def native(folder: Path) -> Path:
    """Installed by hand, 1.12 or newer, with a second user."""
    write(
        folder,
        {
            "server.js": "",
            "package.json": "{}",
            "node_modules/x/index.js": "",
            ".git/HEAD": "ref",
            "notes.txt": "mine",
            "config.yaml": CONFIG,
            "plugins/mine/index.js": "//",
            "plugins/mine/node_modules/y/index.js": "//",
            "public/index.html": "",
            "public/scripts/extensions/third-party/Global/manifest.json": "{}",
            "data/_storage/abc": "{}",
            "data/_webpack/cache": "x",
            "data/default-user/thumbnails/avatar/Alice.png": CARD,
            "data/default-user/extensions/Own/manifest.json": "{}",
            "data/default-user/secrets.json": '{"api_key_ooba":[]}',
            **user("data/default-user/"),
            "data/bob/settings.json": settings(extension_settings={}),
            "data/bob/chats/Eve/1.jsonl": CHAT,
        },
    )
    return folder


def old(folder: Path) -> Path:
    """From before 1.12."""
    files = user("public/")
    write(
        folder,
        {
            "server.js": "",
            "config.yaml": "port: 8000\nwhitelistMode: false\n",
            "secrets.json": '{"api_key_ooba":"k"}',
            "thumbnails/avatar/Alice.png": CARD,
            "vectors/1.json": "[]",
            "backups/chat_alice_1.jsonl": CHAT,
            "public/index.html": "",
            "public/script.js": "",
            "public/scripts/extensions/third-party/Own/manifest.json": "{}",
            **files,
        },
    )
    return folder


def compose(folder: Path) -> Path:
    """The folder of SillyTavern's own compose file."""
    write(
        folder,
        {
            "docker-compose.yml": "services: {}",
            "config/config.yaml": "port: 8000\n",
            "plugins/mine/index.js": "//",
            "extensions/Global/manifest.json": "{}",
            **user("data/default-user/"),
        },
    )
    return folder


def sums(folder: Path) -> dict[str, str]:
    """sha256 of every file by path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
