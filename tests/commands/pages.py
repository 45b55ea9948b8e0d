"""A session with SillyTavern, played: all is as it was planned, but for what a test says otherwise."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from stackctl.core.model import demo_model
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern.replies import Reply

INDEX = """<html><head><title>SillyTavern</title>
<link rel="stylesheet" href="style.css"><script type="module" src="script.js"></script></head></html>"""
FILES = {
    "/": (200, "text/html", INDEX),
    "/style.css": (200, "text/css", "body {}"),
    "/script.js": (200, "text/javascript", 'import { x } from "./lib/x.js";'),
    "/lib/x.js": (200, "text/javascript", "export const x = 1;"),
}
WHOLE = Reply(text=demo_model.SENTENCE, pieces=90, is_whole=True, first_s=0.25, total_s=4.0)
OUR_KEY = {"id": "stackctl", "label": "stackctl"}


@dataclass
class FakePage:
    """`others`: (method, path, its only header's value) -> what another page's request gets; else it is refused."""

    kind: str
    backend_url: str
    url: str = "http://127.0.0.1:8000"
    has: str = "tiny.gguf"
    size: int = 8192
    fills: int = 8192
    key: dict[str, Any] | None = field(default_factory=lambda: dict(OUR_KEY))
    text: str = demo_model.SENTENCE
    replies: list[Reply] = field(default_factory=lambda: [WHOLE])
    served: dict[str, tuple[int, str, str]] = field(default_factory=lambda: dict(FILES))
    others: dict[tuple[str, str, str], tuple[int, str]] = field(default_factory=dict)
    places: set[str] = field(default_factory=set)
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.asked.append(("close",))

    def file(self, path: str) -> tuple[int, str, str]:
        return self.served.get(path, (404, "text/html", "not found"))

    def files(self, paths: Sequence[str]) -> Iterator[tuple[int, str, str]]:
        return map(self.file, paths)

    def as_other(self, method: str, path: str, **headers: str) -> tuple[int, str]:
        (value,) = headers.values()
        self.asked.append((method, path, value))
        return self.others.get((method, path, value), (403, ""))

    def is_at(self, url: str) -> bool:
        return url in self.places

    def settings(self) -> dict[str, Any]:
        text = {"type": self.kind, "server_urls": {self.kind: self.backend_url}}
        api = {"main_api": "textgenerationwebui", "textgenerationwebui_settings": text} if self.kind else {}
        return {**api, "max_context": self.fills}

    def model(self, kind: str, url: str, *, hint: str) -> str:
        self.asked.append(("model", kind, url, hint))
        return self.has

    def key_in_use(self, kind: str) -> dict[str, Any] | None:
        del kind
        return self.key

    def context(self, kind: str, url: str) -> int:
        self.asked.append(("context", kind, url))
        return self.size

    def answer(self, kind: str, url: str, prompt: str, tokens: int, *, within_s: float = 0.0) -> str:
        del within_s
        self.asked.append(("answer", kind, url, prompt, str(tokens)))
        return self.text

    def generate(
        self,
        kind: str,
        url: str,
        prompt: str,
        tokens: int,
        *,
        is_endless: bool = False,
        silence_s: float = 0.0,
        within_s: float = 0.0,
    ) -> Reply:
        del is_endless, silence_s, within_s
        self.asked.append(("generate", kind, url, prompt, str(tokens)))
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def page_of(plan: Plan) -> FakePage:
    """The session that a stack of this plan gives."""
    return FakePage(kind=plan.tavern_type, backend_url=plan.backend_url, has=plan.model_name)
