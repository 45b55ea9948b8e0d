"""state.json, by which stackctl informs an open page of SillyTavern while it works.

stackctl/tavern_extension/page.js reads it every few seconds.
"""

import json
from dataclasses import dataclass
from typing import Final

LASTS_S: Final = 15.0  # how long the file is valid: if stackctl is killed, it can't withdraw it


@dataclass(frozen=True, kw_only=True)
class Server:
    """The server that SillyTavern is connected to, by its type, URL and model as SillyTavern has them.

    sleeps: it unloads the model while it is idle; wake_model: the name that a request must have to wake it, "" if none.
    """

    type: str
    url: str
    model: str
    sleeps: bool = False
    wake_model: str = ""


def state_json(server: Server, *, waits: str, now: float) -> str:
    """Return the file's text. waits: the backend's progress until it answers, "" once it does.

    now: seconds since the epoch, by the clock of SillyTavern's answers.
    """
    told = {"type": server.type, "url": server.url, "model": server.model}
    sleeps = {"sleeps": True, "wake_model": server.wake_model} if server.sleeps else {}
    lasts = {"waits": waits, "until": now + LASTS_S} if waits else {}
    return json.dumps({**told, **sleeps, **lasts}, ensure_ascii=False) + "\n"
