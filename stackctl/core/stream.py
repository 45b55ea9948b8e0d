"""A server-sent stream of text: OpenAI's form, and llama.cpp's own."""

import json

from stackctl.errors import NotReady


class Reading:
    """Reads a stream line by line, and knows whether it came to its proper end.

    A stream that was cut off ends as well, but without a last word: `[DONE]`, a finish_reason, or llama.cpp's `stop`.
    """

    def __init__(self) -> None:
        self.is_whole = False
        self.is_over = False  # nothing of it comes any more
        self._half = ""  # what is not JSON: as the very last line, an event that was cut in two

    def piece(self, line: str) -> str:
        """The text that a line brings, mostly one token; "" if none. Raises NotReady for what is no such stream."""
        if self._half:
            raise NotReady(f"the backend streams what is not JSON: {self._half[:80]!r}", hint="stackctl logs")
        if self.is_over or not line.startswith("data:"):
            return ""
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            self.is_whole = self.is_over = True
            return ""
        try:
            event = json.loads(data)
        except ValueError:
            self._half = data
            return ""
        if not isinstance(event, dict) or "error" in event:
            says = event.get("error") if isinstance(event, dict) else event
            raise NotReady(f"the backend failed while it generated: {says}", hint="stackctl logs")
        choices = event.get("choices")
        self.is_whole |= bool(choices[0].get("finish_reason") if choices else event.get("stop"))
        return text(event)


def text(answer: object) -> str:
    """The text of a whole answer, or of one event of a stream; "" where there is none."""
    if not isinstance(answer, dict):
        return ""
    choices = answer.get("choices")
    found = choices[0].get("text", "") if choices else answer.get("content", "")
    return found if isinstance(found, str) else ""
