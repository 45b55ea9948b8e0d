"""What servers answered, as recorded, by path: the input of recognise()."""

import json
from pathlib import Path

from stackctl.contracts.answer import Answer
from stackctl.core.observed import ProbeResult

RECORDINGS = Path(__file__).parents[1] / "standins" / "recordings"
FOLDERS = {"koboldcpp": "koboldcpp", "llamacpp": "llamacpp", "text-generation-webui": "textgen"}
STATES = [
    (name, path.stem) for name, folder in FOLDERS.items() for path in sorted((RECORDINGS / folder).glob("*.json"))
]
LOADING = Answer(status=503, body='{"error":{"message":"Loading model","type":"unavailable_error","code":503}}')
REFUSED_HOST = Answer(status=400, body='{"detail":"Invalid host header"}')
INACTIVE = Answer(status=200, body='{"result":"inactive"}')


def recorded(backend: str, state: str = "loaded") -> dict[str, Answer]:
    """What that backend answered in that state."""
    exchanges = json.loads((RECORDINGS / FOLDERS[backend] / f"{state}.json").read_text(encoding="utf-8"))
    return {
        one["request"]["path"]: Answer(
            status=one["status"], body=one["body"] if isinstance(one["body"], str) else json.dumps(one["body"])
        )
        for one in exchanges
    }


def tried(url: str, backend: str, state: str = "loaded") -> ProbeResult:
    return ProbeResult(url=url, answers=recorded(backend, state))
