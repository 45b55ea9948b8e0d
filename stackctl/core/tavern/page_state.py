"""state.json, by which stackctl informs an open page of SillyTavern while it works.

stackctl/tavern_extension/page.js reads it every few seconds.
"""

import json
from typing import Final

LASTS_S: Final = 15.0  # how long the file is valid: if stackctl is killed, it can't withdraw it


def state_json(*, server_type: str, url: str, model: str, waits: str, now: float) -> str:
    """Return the file's text. waits: the backend's progress until it answers, "" once it does.

    now: seconds since the epoch, by the clock of SillyTavern's answers.
    """
    lasts = {"waits": waits, "until": now + LASTS_S} if waits else {}
    return json.dumps({"type": server_type, "url": url, "model": model, **lasts}, ensure_ascii=False) + "\n"
