"""Part of the stand-in for text-generation-webui, for tests, never what a user gets: its texts and their envelopes.

After modules/api/completions.py of 2026-05; the token counts are those of the finished text, encoded once more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.standins.llama_child import LlamaChild
from tests.standins.textgen import console
from tests.standins.textgen.loading import Models

DEFAULT_TOKENS: Final = 512
_SAMPLERS: Final[Mapping[str, str]] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "typical_p": "typical_p",
    "repetition_penalty": "repeat_penalty",
    "seed": "seed",
    "ban_eos_token": "ignore_eos",
    "grammar_string": "grammar",
}


@dataclass
class Answer:
    """One text that is asked for, in an OpenAI envelope."""

    models: Models
    body: Mapping[str, Any]
    is_chat: bool
    text: str = ""
    prompt_tokens: int = 0

    def __post_init__(self) -> None:
        self.id_number, self.created = time.time_ns(), int(time.time())
        self.wanted = int(self.body.get("max_tokens") or self.body.get("max_completion_tokens") or DEFAULT_TOKENS)

    def pieces(self) -> Iterator[str]:
        """The text as it comes; a program without a model raises here, as late as the real one does."""
        child = self.models.loaded()
        prompt: Any = self.body.get("prompt") or ""
        if self.is_chat:
            prompt = child.call("/apply-template", {"messages": self.body["messages"]})["prompt"]
        elif not isinstance(prompt, str):
            prompt = prompt[0] if isinstance(prompt[0], str) else child.text(prompt)
        ids = child.tokens(prompt)
        self.prompt_tokens = len(ids)
        stop = self.body.get("stop") or []
        request: dict[str, object] = {
            "prompt": ids,
            "n_predict": self.wanted,
            "cache_prompt": True,
            "stop": [stop] if isinstance(stop, str) else stop,
            **{theirs: self.body[ours] for ours, theirs in _SAMPLERS.items() if self.body.get(ours) is not None},
        }
        self.models.stopped.clear()
        with self.models.generating:
            began = time.time()
            try:
                yield from self._generated(child, request)
            finally:
                self.models.answered = time.time()
                self._log(child, time.time() - began)

    def _generated(self, child: LlamaChild, request: Mapping[str, object]) -> Iterator[str]:
        for event in child.complete(request):
            if self.models.stopped.is_set():
                return
            self.text += event["content"]
            if event["content"]:
                yield event["content"]

    def _log(self, child: LlamaChild, seconds: float) -> None:
        """As generate_reply_custom does once it is over, however it ended; the seed is what was asked for."""
        tokens = len(child.tokens(self.text)) if self.text else 0
        console.info(
            f"Output generated in {seconds:.2f} seconds ({tokens / seconds:.2f} tokens/s, {tokens} tokens, "
            f"context {self.prompt_tokens}, seed {self.body.get('seed', -1)})"
        )

    def _usage(self) -> dict[str, int]:
        made = len(self.models.loaded().tokens(self.text))
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": made,
            "total_tokens": self.prompt_tokens + made,
        }

    def _reason(self, usage: Mapping[str, int]) -> str:
        full = usage["total_tokens"] >= self.models.truncation
        return "length" if full or usage["completion_tokens"] >= self.wanted else "stop"

    def _envelope(self, thing: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": f"{'chatcmpl' if self.is_chat else 'cmpl'}-{self.id_number}",
            "object": thing,
            "created": self.created,
            "model": self.models.name,
            "system_fingerprint": None,
            "choices": choices,
        }

    def whole(self) -> dict[str, Any]:
        for _ in self.pieces():
            pass
        usage = self._usage()
        choice: dict[str, Any] = {"index": 0, "finish_reason": self._reason(usage), "logprobs": None}
        if self.is_chat:
            choice["message"] = {"role": "assistant", "refusal": None, "content": self.text}
        else:
            choice["text"] = self.text
        thing = "chat.completion" if self.is_chat else "text_completion"
        return {**self._envelope(thing, [choice]), "usage": usage}

    def chunks(self) -> Iterator[dict[str, Any]]:
        """An empty chunk, one per piece, one with the reason of the end; then the usage if it was asked for."""
        if not self.is_chat:
            self.models.loaded()
        yield self._chunk("", first=True)
        for piece in self.pieces():
            yield self._chunk(piece)
        usage = self._usage()
        last = self._chunk("" if not self.is_chat else None)
        last["choices"][0]["finish_reason"] = self._reason(usage)
        yield last
        if (self.body.get("stream_options") or {}).get("include_usage"):
            yield {**self._envelope(last["object"], []), "usage": usage}

    def _chunk(self, text: str | None, *, first: bool = False) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": 0, "finish_reason": None, "logprobs": None}
        if self.is_chat:
            role = {"role": "assistant", "refusal": None} if first else {}
            choice["delta"] = role | ({"content": text} if text is not None else {})
        else:
            choice["text"] = text
        return self._envelope("chat.completion.chunk" if self.is_chat else "text_completion", [choice])
