"""Hugging Face, by its own library: the files of a repository, and the request for one of them.

The library provides the token (HF_TOKEN, or its stored login), the endpoint (HF_ENDPOINT, for mirrors) and the offline
mode (HF_HUB_OFFLINE). Its downloads start from the beginning after an interruption (2.4 writes to a file of a random
name), so effects/download, which resumes, downloads over plain HTTP. `xet` is for files that the hub gives only by xet.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, TypeVar

from stackctl import __version__
from stackctl.core.hub.remote import FileRequest
from stackctl.core.hub.source import RepoFile, Source
from stackctl.core.hub.waiting import asked_s, in_words
from stackctl.errors import ModelError

if TYPE_CHECKING:
    from stackctl.core.hub.remote import RemoteHead
    from stackctl.core.hub.repository import Repo

XET_FROM: Final = 50 * 10**9  # bytes; for larger files the hub answers no plain request (huggingface_hub/constants.py)
T = TypeVar("T")
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_TRIES: Final = 4
_LONGEST_PAUSE_S: Final = 60.0
_PATIENCE_S: Final = 1.5  # for the first sign of the hub; an answer takes about 0.4 s
_TRIES_TO_CONNECT: Final = 2
_ELSEWHERE: Final = "Check the connection. Behind a proxy set HTTPS_PROXY, for a mirror of Hugging Face HF_ENDPOINT."
_LOGIN: Final = "log in with `hf auth login`, or set HF_TOKEN"


@dataclass
class Hub:
    """The hub that the environment names."""

    fetch: Callable[..., str]  # that of effects/download
    read_head: "Callable[..., RemoteHead]"
    read_whole: Callable[..., bytes]
    endpoint: str | None = None  # None: the environment's
    sleep: Callable[[float], None] = time.sleep
    xet_from: int = XET_FROM
    known: "dict[tuple[str, str], Repo]" = field(default_factory=dict)  # repositories that were asked for in this run

    def repository(self, source: Source) -> "Repo":
        """Return a repository at its revision; raise ModelError if it can't be read."""
        if found := self.known.get((source.repo, source.revision)):
            return found
        import httpx2
        from huggingface_hub import HfApi

        from stackctl.core.hub.repository import Repo

        timeout: Any = httpx2.Timeout(30, connect=5)  # which its client takes, though it names a number alone
        with _explained(source):
            info = _retried(
                lambda: HfApi(endpoint=self.endpoint).model_info(
                    source.repo, revision=source.revision, files_metadata=True, timeout=timeout
                ),
                self.sleep,
            )
        card: Mapping[str, Any] = vars(info.card_data) if info.card_data else {}
        found = Repo(
            name=source.repo,
            commit=info.sha or "",
            files=tuple(
                RepoFile(name=one.rfilename, size=one.size or 0, sha256=one.lfs.sha256 if one.lfs else "")
                for one in info.siblings or ()
            ),
            licence=_text(card.get("license_name") or card.get("license")),
            languages=_texts(card.get("language")),
            base=next(iter(_texts(card.get("base_model"))), ""),
            is_gated=bool(info.gated),
        )
        self.known[source.repo, source.revision] = found
        return found

    def check_connection(self, patience_s: float = _PATIENCE_S) -> None:
        """Raise ModelError unless the hub gives any answer at all within `patience_s`, name resolution included."""
        from huggingface_hub import constants, is_offline_mode

        endpoint = self.endpoint or constants.ENDPOINT
        if is_offline_mode():
            raise ModelError("HF_HUB_OFFLINE forbids asking Hugging Face", hint="Unset HF_HUB_OFFLINE.")
        if not (failure := _failure(endpoint, patience_s)):
            return
        raise ModelError(f"{endpoint} can't be reached: {failure}", hint=_ELSEWHERE)

    def request(self, source: Source, file: str, *, is_asked: bool = True) -> FileRequest:
        """Return the plain HTTP request for a file. `is_asked`: ask the hub first; raise ModelError if it refuses."""
        from huggingface_hub import get_hf_file_metadata, hf_hub_url, is_offline_mode
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # its __all__ is computed

        if is_offline_mode():
            raise _offline(source)
        with _explained(source):
            url = hf_hub_url(source.repo, file, revision=source.revision, endpoint=self.endpoint)
            if is_asked:
                _retried(lambda: get_hf_file_metadata(url, endpoint=self.endpoint), self.sleep)
            headers = build_hf_headers(library_name="stackctl", library_version=__version__)  # as its own downloads
        return FileRequest(url=url, headers=headers)

    def xet(self, source: Source, file: str, target: Path) -> None:
        """Download a file that the hub gives only by xet, unverified. An interruption starts it from the beginning."""
        from huggingface_hub import hf_hub_download

        folder = target.with_name(f".{target.name}.xet")
        with _explained(source):
            hf_hub_download(source.repo, file, revision=source.revision, local_dir=folder, endpoint=self.endpoint)
        (folder / file).replace(target)
        shutil.rmtree(folder)


def _failure(endpoint: str, patience_s: float) -> str:
    """Return why an endpoint gives no answer within `patience_s`; "" if it gives any.

    A daemon thread asks, because name resolution has no time-out.
    """
    import httpx2
    from huggingface_hub import get_session

    found: Queue[str] = Queue()
    session = get_session()  # which takes its time on a busy machine, and is no fault of the hub

    def ask() -> None:
        try:
            session.head(endpoint, timeout=patience_s, follow_redirects=False)
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, UnicodeError) as e:
            found.put(str(e) or type(e).__name__)
        else:
            found.put("")

    late = f"no answer within {patience_s:g} s"
    Thread(target=ask, daemon=True).start()
    try:
        said = found.get(timeout=patience_s)
    except Empty:
        return late
    return late if "timed out" in said else said


def _retried(ask: Callable[[], T], sleep: Callable[[float], None]) -> T:
    """Ask again if the hub is busy or the connection broke, after the pause that it asks for, up to a limit."""
    import httpx2
    from huggingface_hub import errors
    from tenacity import RetryCallState, Retrying, retry_if_exception

    def passes(error: BaseException) -> bool:
        if isinstance(error, errors.OfflineModeIsEnabled):
            return False
        if isinstance(error, errors.HfHubHTTPError):
            is_soon = asked_s(error.response.headers) <= _LONGEST_PAUSE_S
            return error.response.status_code in _PASSING and is_soon
        return isinstance(error, httpx2.TransportError) and not isinstance(error, httpx2.ReadTimeout)

    def is_enough(state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        is_unreached = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)
        return state.attempt_number >= (_TRIES_TO_CONNECT if is_unreached else _TRIES)

    def pause_s(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = asked_s(error.response.headers) if isinstance(error, errors.HfHubHTTPError) else 0.0
        return asked or 2.0 ** (state.attempt_number - 1)

    policy = Retrying(retry=retry_if_exception(passes), stop=is_enough, wait=pause_s, sleep=sleep, reraise=True)
    return policy(ask)


@contextmanager
def _explained(source: Source) -> Iterator[None]:
    """Turn the library's errors into a ModelError with a hint."""
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except errors.OfflineModeIsEnabled as e:
        raise _offline(source) from e
    except (errors.HfHubHTTPError, errors.EntryNotFoundError, errors.HFValidationError) as e:
        raise _refused(source, e) from e
    except (errors.XetDownloadError, errors.FileMetadataError) as e:
        raise ModelError(f"{source}: the transfer failed: {e}", hint="Run this again.") from e
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, UnicodeError) as e:
        raise ModelError(
            f"Hugging Face can't be reached: {str(e) or type(e).__name__}",
            hint=f"{_ELSEWHERE} Then run this again.",
        ) from e


def _refused(source: Source, error: Exception) -> ModelError:
    """Return the meaning of the hub's refusal; subclasses come before their base classes."""
    from huggingface_hub import errors

    name = source.repo
    page = f"https://huggingface.co/{name}"
    for kind, says, hint in (
        (
            errors.GatedRepoError,
            f"{name} is gated: its owner wants you to accept a licence first",
            f"Accept it at {page}, make a token at https://huggingface.co/settings/tokens, then {_LOGIN}.",
        ),
        (
            errors.RepositoryNotFoundError,
            f"there is no model {name} at Hugging Face, or it is private",
            f"Check the name, or the path if a file or folder was meant. If it is private, {_LOGIN}.",
        ),
        (
            errors.RevisionNotFoundError,
            f"{name} has no revision {source.revision}",
            f"Leave out @{source.revision}, or see {page}/commits",
        ),
        (errors.EntryNotFoundError, f"{name} has no such file", f"See {page}/tree/{source.revision}"),
        (errors.HFValidationError, f"{name!r} is not the name of a model", "Write hf:OWNER/NAME."),
    ):
        if isinstance(error, kind):
            return ModelError(says, hint=hint)
    if isinstance(error, errors.HfHubHTTPError):
        return _answered(name, error.response.status_code, asked_s(error.response.headers))
    return _answered(name, 0, 0.0)


def _answered(name: str, status: int, wait_s: float) -> ModelError:
    if status == 429:
        asks = f", and asks to wait {in_words(wait_s)}" if wait_s else ""
        return ModelError(
            f"Hugging Face answers too many requests (429) for {name}{asks}",
            hint=f"Wait {in_words(wait_s) if wait_s else 'some minutes'}. A login allows more requests: {_LOGIN}.",
        )
    if status in {401, 403}:
        says = f"Hugging Face refuses {name} ({status}): the token is wrong or may not read it"
        return ModelError(says, hint=f"Check the token: {_LOGIN}.")
    return ModelError(
        f"Hugging Face answers {status} for {name}", hint="Try again later: https://status.huggingface.co"
    )


def _offline(source: Source) -> ModelError:
    return ModelError(f"{source} is not here, and HF_HUB_OFFLINE forbids asking for it", hint="Unset HF_HUB_OFFLINE.")


def _texts(value: object) -> tuple[str, ...]:
    found = value if isinstance(value, list) else [value]
    return tuple(text for one in found if (text := _text(one)))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
