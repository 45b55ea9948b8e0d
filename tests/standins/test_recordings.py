"""Each stand-in, asked everything that the real program was asked, answers as recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from tests.standins.containers import BARE, Container, container

RECORDINGS: Final = Path(__file__).parent / "recordings"
KEY: Final = "a-key-of-the-tests"
KOBOLDCPP: Final[Mapping[str, tuple[str, ...]]] = {
    "loaded": (),
    "password-with-key": ("--password", KEY),
    "password-without-key": ("--password", KEY),
}
TEXTGEN: Final[Mapping[str, str]] = {
    "loaded": "--model tiny.gguf",
    "api-key-with-key": f"--model tiny.gguf --api-key {KEY}",
    "api-key-without-key": f"--model tiny.gguf --api-key {KEY}",
    "no-model": "--loader llama.cpp",
    "model-missing": "--loader llama.cpp --model missing.gguf",
    "model-failed-to-load": "--model truncated.gguf",
}
_COUNTS: Final = frozenset({"prompt_tokens", "completion_tokens", "total_tokens"})
_SPEEDS: Final = frozenset(
    {"last_process", "last_eval", "last_seed", "uptime", "idletime", "total_gens", "stop_reason"}
)
VARYING: Final[Mapping[str, frozenset[str]]] = {  # what another model, another clock or another folder changes
    "/api/extra/perf": _SPEEDS
    | {f"last_{name}" for name in ("token_count", "input_count", "process_time", "eval_time")}
    | {"last_process_speed", "last_eval_speed"},
    "/v1/models": frozenset({"created"}),
    "/props": frozenset({"chat_template"}),
    "/api/v1/generate": _COUNTS | {"text"},
    "/v1/completions": _COUNTS | {"id", "created", "text"},
    "/v1/chat/completions": _COUNTS | {"id", "created", "content", "finish_reason"},
    "/api/extra/tokencount": frozenset({"value", "ids"}),
    "/api/extra/generate/check": frozenset({"text"}),
    "/v1/internal/model/list": frozenset({"model_names"}),
    "/v1/internal/token-count": frozenset({"length"}),
    "/v1/internal/encode": frozenset({"tokens", "length"}),
}


def exchanges(backend: str, states: Mapping[str, object]) -> list[Any]:
    return [
        pytest.param(state, exchange, id=f"{state}: {exchange['request']['method']} {exchange['request']['path']}")
        for state in states
        for exchange in json.loads((RECORDINGS / backend / f"{state}.json").read_text())
    ]


def kind(value: object) -> str:
    """JSON's types: a whole number is a number."""
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def differences(recorded: object, given: object, varying: frozenset[str], where: str = "body") -> list[str]:
    """Where the two differ: in keys and types anywhere, in values where nothing varies."""
    if kind(recorded) != kind(given):
        return [f"{where}: {recorded!r} was recorded, {given!r} came"]
    if isinstance(recorded, dict) and isinstance(given, dict):
        found = [f"{where}: {key} is in one alone" for key in recorded.keys() ^ given.keys()]
        for key in recorded.keys() & given.keys():
            one, other = recorded[key], given[key]
            if key not in varying:
                found += differences(one, other, varying, f"{where}.{key}")
            elif kind(one) != kind(other):
                found.append(f"{where}.{key}: {kind(one)} was recorded, {kind(other)} came")
        return found
    if isinstance(recorded, list) and isinstance(given, list) and len(recorded) == len(given):
        pairs = enumerate(zip(recorded, given, strict=True))
        return [line for i, pair in pairs for line in differences(*pair, varying, f"{where}[{i}]")]
    return [] if recorded == given else [f"{where}: {recorded!r} was recorded, {given!r} came"]


def comparable(body: object) -> object:
    """A page is compared by its title: its text is another program's."""
    title = re.search(r"<title>.*?</title>", body) if isinstance(body, str) else None
    return title[0] if title else body


def check(answering: Container, state: str, exchange: Mapping[str, Any]) -> None:
    request = exchange["request"]
    headers = {"Authorization": f"Bearer {KEY}"} if state.endswith("with-key") else {}
    reply = answering.ask(request["method"], request["path"], request.get("body"), headers)
    assert (reply.status, reply.content_type) == (exchange["status"], exchange["content_type"])
    varying = VARYING.get(request["path"], frozenset())
    assert not differences(comparable(exchange["body"]), comparable(reply.body), varying)


class Started:
    """One container per state, started when it is first asked for."""

    def __init__(self) -> None:
        self.stack = ExitStack()
        self.running: dict[object, Container] = {}

    def get(self, image: str, port: int, options: list[str], words: tuple[str, ...]) -> Container:
        known = (image, tuple(options), words)
        if known not in self.running:
            self.running[known] = self.stack.enter_context(container(image, port, options, words))
            self.running[known].wait_until_it_answers()
        return self.running[known]


@pytest.fixture(scope="module")
def started() -> Iterator[Started]:
    found = Started()
    with found.stack:
        yield found


@pytest.mark.engine
@pytest.mark.parametrize(("state", "exchange"), exchanges("koboldcpp", KOBOLDCPP))
def test_koboldcpp_answers_as_recorded(
    state: str, exchange: Mapping[str, Any], started: Started, koboldcpp_options: list[str]
) -> None:
    words = ("--model", "/models/tiny.gguf", "--contextsize", "2048", "--quiet", "--usecpu", *KOBOLDCPP[state])
    options = [*koboldcpp_options, "--tmpfs", "/tmp:exec,mode=1777"]
    check(started.get(BARE, 5001, options, words), state, exchange)


@pytest.mark.engine
@pytest.mark.parametrize(("state", "exchange"), exchanges("textgen", TEXTGEN))
def test_textgen_answers_as_recorded(
    state: str, exchange: Mapping[str, Any], started: Started, textgen: str, textgen_options: list[str]
) -> None:
    words = f"--listen --api --nowebui {TEXTGEN[state]}"
    options = [*textgen_options, "--env", f"EXTRA_LAUNCH_ARGS={words}"]
    check(started.get(textgen, 5000, options, ()), state, exchange)


@pytest.mark.parametrize(
    ("recorded", "given", "differs"),
    [
        ({"a": 1}, {"a": 1}, False),
        ({"a": 1}, {"a": 2}, True),
        ({"a": 1}, {"b": 1}, True),
        ({"a": None}, {"a": False}, True),
        ({"a": 1}, {"a": True}, True),
        ({"a": [{"b": "x"}]}, {"a": [{"b": "y"}]}, True),
        ({"a": [1]}, {"a": [1, 2]}, True),
        ({"free": "x"}, {"free": "y"}, False),
        ({"free": "x"}, {"free": 1}, True),
        ({"free": 0}, {"free": 0.5}, False),
    ],
)
def test_a_difference_is_seen_where_nothing_may_vary(recorded: object, given: object, differs: bool) -> None:
    assert bool(differences(recorded, given, frozenset({"free"}))) is differs
