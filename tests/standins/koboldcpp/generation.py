"""Part of the stand-in for KoboldCpp, for tests, never what a user gets: generations, asked and answered."""

from __future__ import annotations

import argparse
import json
import os
import queue
import re
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.standins.llama_child import LlamaChild

QUICK: Final = (
    "/api/extra/tokencount",
    "/api/extra/tokenize",
    "/api/extra/detokenize",
    "/api/extra/abort",
    "/api/extra/generate/check",
)
REPEAT_PENALTIES: Final = ("rep_pen", "repetition_penalty", "repeat_penalty")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One way of asking for text."""

    is_openai: bool = False
    is_chat: bool = False
    streams: bool = False


KINDS: Final[Mapping[tuple[str, ...], Kind]] = {
    ("/api/v1/generate", "/api/latest/generate"): Kind(),
    ("/api/extra/generate/stream",): Kind(streams=True),
    ("/v1/completions", "/v1/completion"): Kind(is_openai=True),
    ("/v1/chat/completions",): Kind(is_openai=True, is_chat=True),
}


def kind_of(path: str) -> Kind | None:
    return next((kind for endings, kind in KINDS.items() if path.endswith(endings)), None)


def model_name(args: argparse.Namespace, *, has_model: bool) -> str:
    """The name that every client sees: the file's stem without all but letters, digits and `._-`."""
    if args.hordemodelname:
        return f"koboldcpp/{args.hordemodelname}"
    if not has_model:
        return "inactive"
    stem = os.path.splitext(os.path.basename(args.model_param))[0]  # noqa: PTH119, PTH122  as the real one
    return "koboldcpp/" + re.sub(r"[^\w\d.\-_]", "", stem)


@dataclass
class Made:
    """The last generation and how many there were."""

    text: str = ""
    prompt_tokens: int = 0
    tokens: int = 0
    total: int = 0
    stop_reason: int = -1
    seed: int = -1
    prompt_ms: float = 0.0
    token_ms: float = 0.0
    last_request: float = 0.0
    abort: threading.Event = field(default_factory=threading.Event)

    @property
    def finish_reason(self) -> str:
        return "stop" if self.stop_reason == 1 else "length"

    def run(self, child: LlamaChild | None, body: Mapping[str, object]) -> Generator[str]:
        """The pieces of the answer as they come; the fields above are those of this run."""
        self.text, self.prompt_tokens, self.tokens, self.stop_reason = "", 0, 0, 0
        self.last_request = time.time()
        self.abort.clear()
        for event in child.complete(body) if child else ():
            if self.abort.is_set():
                break
            self.text += event["content"]
            if event["content"]:
                yield event["content"]
            if event.get("stop"):
                self._finish(event)
        self.total += 1

    def _finish(self, event: Mapping[str, Any]) -> None:
        timings = event.get("timings", {})
        self.prompt_tokens, self.tokens = event["tokens_evaluated"], event["tokens_predicted"]
        self.stop_reason = {"eos": 1, "word": 2}.get(event.get("stop_type", ""), 0)
        self.seed = int(event.get("generation_settings", {}).get("seed", 0)) % 1000000
        self.prompt_ms = float(timings.get("prompt_per_token_ms") or 0.0)
        self.token_ms = float(timings.get("predicted_per_token_ms") or 0.0)

    def performance(self) -> dict[str, Any]:
        prompt_s, token_s = self.prompt_ms * self.prompt_tokens / 1000, self.token_ms * self.tokens / 1000
        return {
            "last_process": self.prompt_ms,
            "last_eval": self.token_ms,
            "last_token_count": self.tokens,
            "last_input_count": self.prompt_tokens,
            "last_process_time": prompt_s,
            "last_eval_time": token_s,
            "last_process_speed": self.prompt_tokens / prompt_s if prompt_s > 0 else 0,
            "last_eval_speed": self.tokens / token_s if token_s > 0 else 0,
            "last_seed": self.seed,
            "last_draft_success": 0,
            "last_draft_failed": 0,
            "total_gens": self.total,
            "stop_reason": self.stop_reason,
        }


def request(
    kind: Kind, body: Mapping[str, Any], child: LlamaChild | None, args: argparse.Namespace
) -> dict[str, object]:
    """llama-server's request for KoboldCpp's (defaults as in its `generate`)."""
    prompt = body.get("prompt", "")
    if kind.is_chat and child:
        prompt = child.call("/apply-template", {"messages": body.get("messages", [])})["prompt"]
    if not isinstance(prompt, str):
        prompt = "\n".join(prompt)
    stop = body.get("stop_sequence") or body.get("stop") or []
    most = body.get("max_tokens" if kind.is_openai else "max_length") or args.defaultgenamt
    found = {
        "prompt": str(body.get("memory", "")) + prompt,
        "n_predict": int(min(int(most), args.contextsize)),
        "temperature": body.get("temperature", 0.7),
        "top_k": body.get("top_k", 100),
        "top_p": body.get("top_p", 0.9),
        "min_p": body.get("min_p", 0.0),
        "repeat_penalty": max(float(body.get(name) or 1.0) for name in REPEAT_PENALTIES),
        "seed": body.get("sampler_seed", body.get("seed", -1)),
        "stop": [stop] if isinstance(stop, str) else stop,
        "ignore_eos": bool(body.get("ban_eos_token", False)),
        "cache_prompt": True,
    }
    return {**found, "grammar": body["grammar"]} if body.get("grammar") else found


def whole(kind: Kind, made: Made, model: str, number: int) -> dict[str, Any]:
    """The answer in one piece."""
    counts = {"prompt_tokens": made.prompt_tokens, "completion_tokens": made.tokens}
    ending = {"finish_reason": made.finish_reason, "logprobs": None}
    if not kind.is_openai:
        return {"results": [{"text": made.text, "tool_calls": [], **ending, **counts}]}
    choice: dict[str, Any] = {"index": 0, **ending}
    if kind.is_chat:
        choice["message"] = {"role": "assistant", "content": made.text, "tool_calls": []}
    else:
        choice["text"] = made.text
    return {
        **_head(kind, model, number, kind_of_object="chat.completion"),
        "usage": {**counts, "total_tokens": made.prompt_tokens + made.tokens},
        "choices": [choice],
    }


def _head(kind: Kind, model: str, number: int, *, kind_of_object: str) -> dict[str, Any]:
    """The fields before the text; both kinds of completion differ in their id and their object."""
    prefix, thing = ("chatcmpl", kind_of_object) if kind.is_chat else ("cmpl", "text_completion")
    return {"id": f"{prefix}-A{number}", "object": thing, "created": int(time.time()), "model": model}


FIRST_LOOK_S: Final = 0.35  # "anti race condition, prevent check from overtaking generate"
LOOK_S: Final = 0.02


class Ahead:
    """A generation that goes on by itself, while whoever streams it looks for new text now and then."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self._pending: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(pieces,), daemon=True)
        self._thread.start()

    def _run(self, pieces: Iterable[str]) -> None:
        for piece in pieces:
            self._pending.put(piece)

    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def text(self) -> str:
        """What was written since the last look."""
        return "".join(self._pending.get() for _ in range(self._pending.qsize()))

    def wait(self) -> None:
        self._thread.join()


def events(
    kind: Kind,
    ahead: Ahead,
    made: Made,
    model: str,
    number: int,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[bytes]:
    """The answer as server-sent events: all the text of each look in one, then an empty one with the reason of the end.

    The looks are those of handle_sse_stream in koboldcpp.py 1.115.1.
    """
    sleep(FIRST_LOOK_S)
    is_done = False
    while not is_done:
        is_done = ahead.is_done()
        if text := ahead.text():
            yield _event(kind, text, None, model, number)
        elif not is_done:
            sleep(LOOK_S)
    yield _event(kind, "", made.finish_reason, model, number)
    if kind.is_openai:
        yield b"data: [DONE]\n\n"


def _event(kind: Kind, text: str, reason: str | None, model: str, number: int) -> bytes:
    if not kind.is_openai:
        return f"event: message\ndata: {json.dumps({'token': text, 'finish_reason': reason})}\n\n".encode()
    choice: dict[str, Any] = {"index": 0, "finish_reason": reason}
    choice |= {"delta": {"role": "assistant", "content": text}} if kind.is_chat else {"text": text}
    body = {**_head(kind, model, number, kind_of_object="chat.completion.chunk"), "choices": [choice]}
    return f"data: {json.dumps(body)}\n\n".encode()
