"""SillyTavern, asked as its own page asks it: session cookie, CSRF token, settings, status, a streamed generation."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from stackctl.core import stream
from stackctl.core import tavern_secrets as secrets
from stackctl.core.secret import Secret
from stackctl.errors import NotReady

if TYPE_CHECKING:
    import httpx

# (status, type, text) of each file at these paths, asked with these headers
Reader = Callable[[Sequence[str], Mapping[str, str]], Iterator[tuple[int, str, str]]]

_TIMEOUT_S, _GENERATION_S = 30.0, 300.0
_GENERATE = "/api/backends/text-completions/generate"
_UNREADABLE = (
    "it must belong to the user that SillyTavern runs as, and be readable for it: "
    "ls -ln data/default-user/settings.json in SillyTavern's folder shows that"
)
_ANEW = "move it away: the next deploy writes one that connects; chats and characters lie in files of their own"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A short generation through SillyTavern; seconds from the request. `is_whole`: it came to its proper end."""

    text: str
    pieces: int
    is_whole: bool
    first_s: float
    total_s: float

    @property
    def tokens_per_s(self) -> float:
        """Tokens over the whole time, the prompt's included; a piece of the stream is a token with every backend."""
        return self.pieces / self.total_s if self.total_s else 0.0


class Tavern:
    """A session with a running SillyTavern."""

    def __init__(
        self,
        url: str,
        transport: "httpx.BaseTransport | None" = None,
        *,
        reader: Reader | None = None,
        login: tuple[str, Secret] | None = None,
    ) -> None:
        import httpx

        self.url, self._reader = url, reader
        auth = (login[0], login[1].reveal()) if login else None
        self._http = httpx.Client(base_url=url, transport=transport, auth=auth, timeout=_TIMEOUT_S, trust_env=False)

    def __enter__(self) -> Self:
        try:
            self._http.headers["X-CSRF-Token"] = str(self._json("GET", "/csrf-token").get("token"))
        except BaseException:
            self._http.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def file(self, path: str) -> tuple[int, str, str]:
        """(status, type, text) of a file of the page."""
        answer = self._ask("GET", path)
        return answer.status_code, answer.headers.get("content-type", ""), answer.text

    def files(self, paths: Sequence[str]) -> Iterator[tuple[int, str, str]]:
        """Likewise of several, in their order: by the reader, where there is one."""
        if self._reader is None:
            yield from map(self.file, paths)
            return
        asked = self._http.build_request("GET", "/")
        if self._http.auth:
            asked = next(self._http.auth.auth_flow(asked))
        yield from self._reader(paths, asked.headers)

    def as_other(self, method: str, path: str, **headers: str) -> tuple[int, str]:
        """(status, origin whose pages may read it) of what another page gets, which never has the token."""
        import httpx

        asked = self._http.build_request(method, path, headers=headers)
        asked.headers.pop("X-CSRF-Token", None)
        try:
            answer = self._http.send(asked)
        except httpx.HTTPError as e:
            raise _broken(self.url, path, e) from e
        return answer.status_code, answer.headers.get("access-control-allow-origin", "")

    def is_at(self, url: str) -> bool:
        """Whether what answers at another URL is this very SillyTavern: it takes this session for its own."""
        import httpx

        cookies = "; ".join(f"{name}={value}" for name, value in self._http.cookies.items())
        try:
            answer = self._http.post(f"{url}/api/ping", json={}, headers={"Cookie": cookies})
        except httpx.HTTPError:
            return False
        return answer.is_success

    def settings(self) -> dict[str, Any]:
        """settings.json as SillyTavern serves it to its page."""
        says = "SillyTavern can't read its own settings.json"
        served = self._json("POST", "/api/settings/get", {}, says=says, hint=_UNREADABLE)
        try:
            settings = json.loads(served.get("settings", ""))
        except (TypeError, ValueError) as e:
            raise NotReady(f"SillyTavern's settings.json is not JSON: {e}", hint=_ANEW) from e
        if not isinstance(settings, dict):
            raise NotReady("SillyTavern's settings.json is not a JSON object", hint=_ANEW)
        return settings

    def model(self, kind: str, url: str, *, hint: str) -> str:
        """The model's name, as SillyTavern sees it by asking the backend; `hint` is for where nothing answers there."""
        body = {"api_type": kind, "api_server": url}
        says = f"SillyTavern's settings name {kind} at {url}, and it gets no answer there"
        answer = self._json("POST", "/api/backends/text-completions/status", body, says=says, hint=hint)
        return str(answer.get("result", ""))

    def key_in_use(self, kind: str) -> dict[str, Any] | None:
        """The entry whose key SillyTavern sends to such servers, its value masked; None: it sends none."""
        return secrets.active(self._json("POST", "/api/secrets/read", {}).get(secrets.name(kind)))

    def context(self, kind: str, url: str) -> int:
        """The context in tokens that the backend says it has, by the question that SillyTavern's page asks; 0: it
        does not tell."""
        import httpx

        answer = self._ask("POST", "/api/backends/text-completions/props", {"api_type": kind, "api_server": url})
        if answer.status_code == httpx.codes.BAD_REQUEST:  # the backend has no such answer: text-generation-webui
            return 0
        told = _table(answer).get("default_generation_settings")
        found = told.get("n_ctx") if isinstance(told, dict) else 0
        return found if isinstance(found, int) else 0

    def answer(self, kind: str, url: str, prompt: str, tokens: int, *, within_s: float = _GENERATION_S) -> str:
        """The text of a generation in one piece, as the page asks for it where streaming is off."""
        body = _generation(kind, url, prompt, tokens, is_streamed=False)
        found = self._json("POST", _GENERATE, body, timeout_s=within_s)
        if "error" in found:  # SillyTavern's way to hand on a failure, with status 200
            words = str(found.get("response", ""))[:300]
            raise NotReady(
                f"the backend refused to generate ({found.get('status')})",
                hint="stackctl logs",
                evidence=(words,) if words else (),
            )
        return stream.text(found)

    def generate(self, kind: str, url: str, prompt: str, tokens: int, *, silence_s: float = _GENERATION_S) -> Reply:
        """A streamed generation, by the path that a chat message takes; one that breaks off is told by `is_whole`.

        `silence_s`: after so long without a piece it has broken off. Where its backend's connection breaks,
        SillyTavern ends nothing: its page waits for ever.
        """
        import httpx

        body = _generation(kind, url, prompt, tokens, is_streamed=True)
        began = time.monotonic()
        first_s, pieces, reading = 0.0, [], stream.Reading()
        try:
            with self._http.stream("POST", _GENERATE, json=body, timeout=silence_s) as answer:
                if answer.status_code != httpx.codes.OK:
                    answer.read()
                    raise _refused(_GENERATE, answer)
                answer.encoding = "utf-8"  # as server-sent events always are; a damaged byte becomes U+FFFD
                for line in answer.iter_lines():
                    if piece := reading.piece(line):
                        first_s = first_s or time.monotonic() - began
                        pieces.append(piece)
                    if reading.is_over:
                        break
        except httpx.HTTPError as e:
            if not pieces:
                raise _broken(self.url, _GENERATE, e) from e
        return Reply(
            text="".join(pieces),
            pieces=len(pieces),
            is_whole=reading.is_whole,
            first_s=first_s,
            total_s=time.monotonic() - began,
        )

    def _json(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        says: str = "",
        hint: str = "",
        timeout_s: float = _TIMEOUT_S,
    ) -> dict[str, Any]:
        import httpx

        answer = self._ask(method, path, body, timeout_s=timeout_s)
        if answer.status_code != httpx.codes.OK:
            raise _refused(path, answer, says, hint)
        parsed = _table(answer)
        if not parsed:
            raise NotReady(f"what answers {path} at {self.url} is not SillyTavern", hint="stackctl status; docker ps")
        return parsed

    def _ask(self, method: str, path: str, body: object = None, *, timeout_s: float = _TIMEOUT_S) -> "httpx.Response":
        import httpx

        try:
            return self._http.request(method, path, json=body, timeout=timeout_s)
        except httpx.HTTPError as e:
            raise _broken(self.url, path, e) from e


def _generation(kind: str, url: str, prompt: str, tokens: int, *, is_streamed: bool) -> dict[str, Any]:
    return {
        "api_type": kind,
        "api_server": url,
        "prompt": prompt,
        "max_tokens": tokens,
        "max_new_tokens": tokens,
        "n_predict": tokens,
        "stream": is_streamed,
        "temperature": 0,
    }


def _table(answer: "httpx.Response") -> dict[str, Any]:
    """The JSON object of an answer; {} where it is anything else."""
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _refused(path: str, answer: "httpx.Response", says: str = "", hint: str = "") -> NotReady:
    words = answer.text.strip()[:300]
    if answer.status_code == 401 and path == "/csrf-token":
        return NotReady(
            "SillyTavern asks for a password that is not this stack's (401)",
            hint="stackctl deploy writes this stack's into its config.yaml; one of your own belongs into the same file "
            "as stackctl's: .stackctl/sillytavern-password",
        )
    if answer.status_code == 403 and path == "/csrf-token":
        return NotReady(
            "SillyTavern refuses this machine (403): its whitelist does not name the address we come from",
            hint="is SILLYTAVERN_WHITELIST changed in compose.override.yml, or whitelist.txt in its config folder?",
            evidence=(words,),
        )
    return NotReady(
        f"{says} ({answer.status_code})" if says else f"SillyTavern answered {answer.status_code} to {path}",
        hint=hint or "stackctl logs sillytavern shows why",
        evidence=(words,) if words else (),
    )


def _broken(url: str, path: str, error: Exception) -> NotReady:
    return NotReady(
        f"SillyTavern at {url} does not answer {path}: {str(error) or type(error).__name__}",
        hint="stackctl status; stackctl logs sillytavern",
    )
