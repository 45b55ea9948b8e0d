"""A server-sent stream of text: OpenAI's format, and llama.cpp's."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal

from stackctl.contracts.json_table import table_or_empty
from stackctl.core.formats import bounded_json
from stackctl.core.formats.answer_limit import Exceeded
from stackctl.errors import NotReady

Flow = Literal["steady", "at the end", "too fast"]
_MOST_VALUES: Final = 10_000  # of one event; llama.cpp's last event, with all its settings, has a few hundred
_MOST_PIECES: Final = 4  # for each token, which is seldom split
_SHOWN: Final = 300  # characters of a backend's own error
_LOGS: Final = "Run `stackctl logs` to see why."
_JUDGED_S: Final = 2.0  # KoboldCpp sends nothing for 0.35 s, then all it has; and machines may pause
_AT_THE_END: Final = 0.8  # of the whole time


def question(
    kind: str, url: str, prompt: str, tokens: int, *, is_streamed: bool, is_endless: bool = False
) -> dict[str, Any]:
    """Return the request of SillyTavern's page for a generation, with each number under the name of every backend.

    is_endless: generate all tokens, even if the model would stop before.
    """
    return {
        "api_type": kind,
        "api_server": url,
        "prompt": prompt,
        "max_tokens": tokens,
        "max_new_tokens": tokens,
        "n_predict": tokens,
        "stream": is_streamed,
        "temperature": 0,
        "ban_eos_token": is_endless,
        "ignore_eos": is_endless,
    }


def lines(parts: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of a stream that arrives in any parts; invalid UTF-8 becomes U+FFFD.

    Lines end with a line feed alone: U+2028, at which Python splits, too, may be part of a text.
    """
    rest: list[bytes] = []
    for part in parts:
        *whole, last = part.split(b"\n")
        for line in whole:
            yield b"".join((*rest, line)).decode("utf-8", "replace").removesuffix("\r")
            rest.clear()
        rest.append(last)
    if last := b"".join(rest):
        yield last.decode("utf-8", "replace")


def flow(first_s: float, total_s: float) -> Flow:
    """Return how an answer arrived, from the seconds between the request and its first and last piece."""
    if total_s < _JUDGED_S:
        return "too fast"
    return "at the end" if first_s > _AT_THE_END * total_s else "steady"


def more_tokens(tokens: int, total_s: float) -> int:
    """Return how many tokens to ask for after an answer of this many was too fast to judge."""
    return int(tokens * 2 * _JUDGED_S / max(total_s, 0.1))


class Reading:
    """Reads a stream line by line, and knows whether it ended properly.

    A proper end has `[DONE]`, a finish_reason, or llama.cpp's `stop`; a cut stream has none. tokens: the number that
    was asked for.
    """

    def __init__(self, tokens: int) -> None:
        self.is_whole = False
        self.is_over = False  # no further piece comes
        self.ending = ""  # the last event so far, unchanged
        self._half = ""  # a line that is not JSON: if it is the last one, a cut event
        self._tokens, self._pieces = tokens, 0

    def piece(self, line: str) -> str:
        """Return the text in a line, one token or more; "" if there is none.

        Raise NotReady if it is no such stream, Exceeded for far more text than was asked for.
        """
        if self._half:
            raise NotReady(
                f"the backend streams an event that is not JSON: {self._half[:80]!r}", hint=_LOGS, issue="reply-damaged"
            )
        if self.is_over or not line.startswith("data:"):
            return ""
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            self.is_whole = self.is_over = True
            return ""
        try:
            event = bounded_json.parse(data, _MOST_VALUES)
        except bounded_json.TooMuch as e:
            raise NotReady(f"the backend streams an event that {e}", hint=_LOGS, issue="reply-damaged") from e
        except bounded_json.NoTable:
            self._half = data
            return ""
        if "error" in event:
            says = str(event["error"])[:_SHOWN]
            raise NotReady(f"the backend failed while it generated: {says}", hint=_LOGS, issue="no-reply")
        self.ending = data
        self.is_whole |= bool(
            event.get("stop") if event.get("choices") is None else _choice(event).get("finish_reason")
        )
        return self._counted(text(event))

    def _counted(self, piece: str) -> str:
        self._pieces += bool(piece)
        if self._pieces > _MOST_PIECES * (self._tokens + 1):
            raise Exceeded(f"{self._pieces} pieces of text came, but {self._tokens} tokens were asked for")
        return piece


def text(answer: object) -> str:
    """Return the text of a whole answer, or of one event of a stream; "" if there is none."""
    if not isinstance(answer, dict):
        return ""
    found = answer.get("content", "") if answer.get("choices") is None else _choice(answer).get("text", "")
    return found if isinstance(found, str) else ""


def _choice(answer: dict[str, Any]) -> Mapping[str, Any]:
    """Return the first choice of an answer; {} if there is none."""
    offered = answer.get("choices")
    first = offered[0] if isinstance(offered, list) and offered else None
    return table_or_empty(first)
