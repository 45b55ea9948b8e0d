"""What an open page of SillyTavern is told while stackctl works: state.json, beside our extension in it.

stackctl/tavern_extension/page.js reads it every few seconds.
"""

import json
from typing import Final

LASTS_S: Final = 15.0  # how long its words count: once stackctl died, nobody takes them back


def state_json(*, server_type: str, url: str, model: str, waits: str, now: float) -> str:
    """Return the file's text. `waits`: what the page's backend is at until it answers, "" once it does.

    `now`: seconds since the epoch, by the clock that SillyTavern's own answers have.
    """
    lasts = {"waits": waits, "until": now + LASTS_S} if waits else {}
    return json.dumps({"type": server_type, "url": url, "model": model, **lasts}, ensure_ascii=False) + "\n"
