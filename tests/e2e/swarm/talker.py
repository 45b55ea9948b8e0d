"""Somebody who chats by SillyTavern's own routes, on the node where it runs; see stack.py.

Words: the URL, the file with the password, what to do. Prints one JSON object.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any, Final

from stackctl.effects import bounded
from stackctl.effects.tavern.http import Tavern
from stackctl.errors import StackctlError
from stackctl.secret import Secret

_KIND: Final = "llamacpp"
_BACKEND: Final = "http://llamacpp:8080"
_PATIENCE_S: Final = 3.0  # of one message: a person stops it then, and sends it again
_CHAT: Final = {"avatar_url": "Seraphina.png", "ch_name": "Seraphina", "file_name": "kept", "force": True}


def answer(tavern: Tavern) -> str:
    return tavern.answer(_KIND, _BACKEND, "Hello", 24, within_s=_PATIENCE_S)


def until_answered(url: str, login: tuple[str, Secret], seconds: float) -> dict[str, Any]:
    """Send a message until one is answered; when that was, by the clock that all nodes share."""
    deadline, tries, said = time.monotonic() + seconds, 0, ""
    while time.monotonic() < deadline:
        tries += 1
        try:
            with Tavern(url, bounded.over_http(), login=login) as tavern:
                text = answer(tavern)
            if text:
                return {"at": time.monotonic(), "tries": tries, "text": text}
        except StackctlError as e:
            said = e.message
        time.sleep(0.1)
    return {"at": None, "tries": tries, "text": said}


def save(url: str, login: tuple[str, Secret], messages: int) -> dict[str, Any]:
    """Save a chat of so many messages, as the page does it."""
    lines: list[dict[str, Any]] = [{"user_name": "Bo", "character_name": "Seraphina", "chat_metadata": {}}]
    lines += [{"name": "Bo", "is_user": True, "mes": f"message {number}"} for number in range(1, messages + 1)]
    with Tavern(url, bounded.over_http(), login=login) as tavern:
        status = tavern._ask("POST", "/api/chats/save", {**_CHAT, "chat": lines}).status_code
    return {"status": status}


def main(url: str, password: str, what: str, number: str) -> None:
    login = ("stackctl", Secret(Path(password).read_text().strip()))
    done = until_answered(url, login, float(number)) if what == "ask" else save(url, login, int(number))
    print(json.dumps(done))


if __name__ == "__main__":
    main(*sys.argv[1:])
