"""Ask SillyTavern as its own page does: session cookie, CSRF token, settings, status, a streamed generation."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Self

from stackctl.contracts.json_table import table_or_empty
from stackctl.core.formats import answer_limit, bounded_json
from stackctl.core.formats.answer_limit import Exceeded, Limit, Silent
from stackctl.core.tavern import page as tavern_page
from stackctl.core.tavern import secrets_json as secrets
from stackctl.core.tavern import stream
from stackctl.core.tavern.refusal import refusal
from stackctl.core.tavern.replies import Reply
from stackctl.errors import NotReady
from stackctl.secret import Secret

if TYPE_CHECKING:
    import httpx

_GENERATION_S: Final = 600.0
_SILENCE_S: Final = 300.0  # a large model may need this long to read a prompt, or to be loaded again
_MIB: Final = 1 << 20
_FILE: Final = Limit(seconds=30, silence_s=30, size=32 * _MIB)  # enough for settings with all their presets
_FILES: Final = Limit(seconds=120, silence_s=30, size=64 * _MIB)
_MOST_VALUES: Final = 2_000_000  # values in an answer's JSON; the settings of a new SillyTavern have about 6000
_TOKEN_SIZE: Final = 4096  # the most bytes that a token takes in a stream, with its JSON
_TOKEN: Final = re.compile("[!-~]{1,1000}")  # what a header may contain
_GENERATE: Final = "/api/backends/text-completions/generate"
_LOOK: Final = "Run `stackctl status` and `stackctl logs sillytavern`."
_ELSE: Final = "Run `stackctl status` and `docker ps`."
_UNREADABLE = (
    "Make it belong to the user that SillyTavern runs as, and readable: "
    "`ls -ln data/default-user/settings.json` in SillyTavern's folder shows that."
)
_ANEW = "Move it away: the next deploy writes one that connects. Chats and characters are in other files."


class Tavern:
    """A session with a running SillyTavern.

    `transport`: one that keeps each request's limit (answer_limit.EXTENSION). `reads_many`: it also takes several paths
    at once (tavern_page.PATHS).
    """

    def __init__(
        self,
        url: str,
        transport: "httpx.BaseTransport",
        *,
        reads_many: bool = False,
        login: tuple[str, Secret] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        import httpx

        self.url, self._reads_many, self._clock = url, reads_many, clock
        auth = (login[0], login[1].reveal()) if login else None
        self._http = httpx.Client(base_url=url, transport=transport, auth=auth, trust_env=False)

    def __enter__(self) -> Self:
        try:
            self._http.headers["X-CSRF-Token"] = self._token()
        except BaseException:
            self._http.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def _token(self) -> str:
        found = str(self._json("GET", "/csrf-token").get("token"))
        if not _TOKEN.fullmatch(found):
            raise NotReady(
                f"what answers /csrf-token at {self.url} is not SillyTavern", hint=_ELSE, issue="not-sillytavern"
            )
        return found

    def file(self, path: str) -> tuple[int, str, str]:
        """Return (status, type, text) of a file of the page."""
        answer = self._ask("GET", path, within=_FILE)
        return answer.status_code, answer.headers.get("content-type", ""), _text(answer)

    def files(self, paths: Sequence[str]) -> Iterator[tuple[int, str, str]]:
        """Give the same for several files, in their order; by one request if the transport can do that."""
        if self._reads_many and paths:
            yield from self._files(paths)
        else:
            yield from map(self.file, paths)

    def _files(self, paths: Sequence[str]) -> Iterator[tuple[int, str, str]]:
        import httpx

        came, wish = 0, {answer_limit.EXTENSION: _FILES, tavern_page.PATHS: tuple(paths)}
        try:
            with self._http.stream("GET", "/", extensions=wish) as answer:
                for line in islice(stream.lines(answer.iter_raw()), len(paths)):
                    one = bounded_json.parse(line, _MOST_VALUES)
                    yield one["status"], str(one["type"]), str(one["text"])
                    came += 1
        except (httpx.HTTPError, Exceeded) as e:
            raise _broken(self.url, paths[came], e) from e
        except (bounded_json.NoTable, KeyError) as e:
            raise NotReady(
                f"inside its container SillyTavern sends no file for {paths[came]}", hint=_LOOK, issue="not-sillytavern"
            ) from e
        if came < len(paths):
            raise NotReady(
                f"SillyTavern does not answer {paths[came]} inside its container",
                hint=_LOOK,
                issue="sillytavern-failed",
            )

    def as_other(self, method: str, path: str, **headers: str) -> tuple[int, str]:
        """Return (status, origin whose pages may read it) of the answer to another page, which never has the token."""
        import httpx

        asked = self._http.build_request(method, path, headers=headers)
        asked.headers.pop("X-CSRF-Token", None)
        try:
            answer = self._http.send(asked)
        except (httpx.HTTPError, Exceeded) as e:
            raise _broken(self.url, path, e) from e
        return answer.status_code, answer.headers.get("access-control-allow-origin", "")

    def is_at(self, url: str) -> bool:
        """Return whether the server at another URL is the same SillyTavern: it accepts this session."""
        cookies = "; ".join(f"{name}={value}" for name, value in self._http.cookies.items())
        try:
            answer = self._ask("POST", f"{url}/api/ping", {}, headers={"Cookie": cookies})
        except NotReady:
            return False
        return answer.is_success

    def settings(self) -> dict[str, Any]:
        """Return settings.json as SillyTavern serves it to its page."""
        says = "SillyTavern can't read its own settings.json"
        served = self._json("POST", "/api/settings/get", {}, within=_FILE, says=says, hint=_UNREADABLE)
        try:
            return bounded_json.parse(str(served.get("settings", "")), _MOST_VALUES)
        except bounded_json.NoTable as e:
            raise NotReady(f"SillyTavern's settings.json {e}", hint=_ANEW, issue="sillytavern-failed") from e

    def model(self, kind: str, url: str, *, hint: str) -> str:
        """Return the model's name as SillyTavern gets it from the backend; `hint`: for the error if nothing answers."""
        body = {"api_type": kind, "api_server": url}
        says = f"SillyTavern's settings name {kind} at {url}, and it gets no answer there"
        answer = self._json("POST", "/api/backends/text-completions/status", body, says=says, hint=hint)
        return str(answer.get("result", ""))

    def key_in_use(self, kind: str) -> dict[str, Any] | None:
        """Return the entry whose key SillyTavern sends to such servers, with a masked value; None if it sends none."""
        return secrets.active(self._json("POST", "/api/secrets/read", {}).get(secrets.key_name(kind)))

    def context(self, kind: str, url: str) -> int:
        """Return the context (tokens) that the backend reports to SillyTavern's page; 0 if it does not tell."""
        import httpx

        answer = self._ask("POST", "/api/backends/text-completions/props", {"api_type": kind, "api_server": url})
        if answer.status_code == httpx.codes.BAD_REQUEST:  # text-generation-webui has no such answer
            return 0
        found = table_or_empty(self._table(answer).get("default_generation_settings")).get("n_ctx")
        return found if isinstance(found, int) else 0

    def answer(self, kind: str, url: str, prompt: str, tokens: int, *, within_s: float = _GENERATION_S) -> str:
        """Return the text of a generation in one piece, as the page asks for it if streaming is off."""
        body = stream.question(kind, url, prompt, tokens, is_streamed=False)
        found = self._json("POST", _GENERATE, body, within=Limit(seconds=within_s, silence_s=within_s, size=_MIB))
        if "error" in found:  # SillyTavern reports the backend's failure with status 200
            words = str(found.get("response", ""))[:300]
            raise NotReady(
                f"the backend refused to generate ({found.get('status')})",
                hint="Run `stackctl logs`.",
                evidence=(words,) if words else (),
                issue="no-reply",
            )
        return stream.text(found)

    def generate(
        self,
        kind: str,
        url: str,
        prompt: str,
        tokens: int,
        *,
        is_endless: bool = False,
        silence_s: float = _SILENCE_S,
        within_s: float = _GENERATION_S,
    ) -> Reply:
        """Return a streamed generation, by the path of a chat message; `is_whole` is False if it broke off.

        `is_endless`: generate all `tokens`, even if the model would stop before. `silence_s`: a longer silence counts
        as broken off, because SillyTavern does not end a stream whose backend's connection breaks.
        """
        import httpx

        body = stream.question(kind, url, prompt, tokens, is_streamed=True, is_endless=is_endless)
        within = Limit(seconds=within_s, silence_s=silence_s, size=_MIB + tokens * _TOKEN_SIZE)
        began = self._clock()
        first_s, pieces, reading = 0.0, list[str](), stream.Reading(tokens)
        try:
            with self._http.stream("POST", _GENERATE, json=body, extensions={answer_limit.EXTENSION: within}) as answer:
                if answer.status_code != httpx.codes.OK:
                    answer.read()
                    raise refusal(_GENERATE, answer.status_code, _text(answer))
                for line in stream.lines(answer.iter_raw()):
                    if piece := reading.piece(line):
                        first_s = first_s or self._clock() - began
                        pieces.append(piece)
                    if reading.is_over:
                        break
        except (httpx.HTTPError, Silent) as e:
            if not pieces:
                raise _broken(self.url, _GENERATE, e) from e
        except Exceeded as e:
            raise _broken(self.url, _GENERATE, e) from e
        return Reply(
            text="".join(pieces),
            pieces=len(pieces),
            is_whole=reading.is_whole,
            first_s=first_s,
            total_s=self._clock() - began,
            ending=reading.ending,
        )

    def _json(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        says: str = "",
        hint: str = "",
        within: Limit = answer_limit.USUAL,
    ) -> dict[str, Any]:
        import httpx

        answer = self._ask(method, path, body, within=within)
        if answer.status_code != httpx.codes.OK:
            raise refusal(path, answer.status_code, _text(answer), says, hint)
        return self._table(answer)

    def _table(self, answer: "httpx.Response") -> dict[str, Any]:
        """Return the JSON object of an answer."""
        try:
            return bounded_json.parse(_text(answer), _MOST_VALUES)
        except bounded_json.NoTable as e:
            path = answer.request.url.path
            raise NotReady(
                f"what answers {path} at {self.url} is not SillyTavern: it {e}", hint=_ELSE, issue="not-sillytavern"
            ) from e

    def _ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        within: Limit = answer_limit.USUAL,
    ) -> "httpx.Response":
        import httpx

        try:
            return self._http.request(
                method, path, json=body, headers=headers, extensions={answer_limit.EXTENSION: within}
            )
        except (httpx.HTTPError, Exceeded) as e:
            raise _broken(self.url, path, e) from e


def _text(answer: "httpx.Response") -> str:
    """Decode as UTF-8, whatever character set the answer claims: that could be any of Python's codecs."""
    return answer.content.decode("utf-8", "replace")


def _broken(url: str, path: str, error: Exception) -> NotReady:
    return NotReady(
        f"SillyTavern at {url} does not answer {path}: {str(error) or type(error).__name__}",
        hint=_LOOK,
        issue="sillytavern-failed",
    )
