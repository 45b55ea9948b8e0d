"""A request to a server."""

import json
from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Request:
    """An HTTP request: a GET; a POST of JSON if there is a body."""

    path: str
    body: str = ""


# every backend serves OpenAI's completions, and asks for its API key there
COMPLETION: Final = Request(path="/v1/completions", body='{"prompt":"Hello","max_tokens":1}')


def one_token(model: str) -> Request:
    """Return the request for an answer of one token. model: the one that it must name to wake a backend."""
    named = f'"model":{json.dumps(model)},' if model else ""
    return replace(COMPLETION, body=COMPLETION.body.replace("{", "{" + named, 1))
