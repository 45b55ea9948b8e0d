"""The errors of huggingface_hub and of its HTTP client, as ours, and which of them pass."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, TypeVar

from stackctl.core.hub.waiting import allowance, asked_s, in_words
from stackctl.errors import ModelError, TooManyRequests

T = TypeVar("T")
_ELSEWHERE: Final = "Check the connection. Behind a proxy set HTTPS_PROXY, for a mirror of Hugging Face HF_ENDPOINT."
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_TRIES: Final = 4
_LONGEST_PAUSE_S: Final = 60.0
_TRIES_TO_CONNECT: Final = 2
_LOGIN: Final = "log in with `hf auth login`, or set HF_TOKEN"


def retried(ask: Callable[[], T], sleep: Callable[[float], None], *, waits: bool = True) -> T:
    """Ask again if the hub is busy or the connection broke, after the pause that it asks for, up to a limit.

    `waits`: whether a rate limit is waited for, too.
    """
    import httpx2
    from huggingface_hub import errors
    from tenacity import RetryCallState, Retrying, retry_if_exception

    def passes(error: BaseException) -> bool:
        if isinstance(error, errors.OfflineModeIsEnabled):
            return False
        if isinstance(error, errors.HfHubHTTPError):
            status = error.response.status_code
            is_soon = asked_s(error.response.headers) <= _LONGEST_PAUSE_S
            return status in _PASSING and is_soon and (waits or status != 429)
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
def explained(name: str, revision: str = "main") -> Iterator[None]:
    """Turn the library's errors into a ModelError with a hint. name: the repository, or what else is asked for."""
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except errors.OfflineModeIsEnabled as e:
        raise offline(name) from e
    except (errors.HfHubHTTPError, errors.EntryNotFoundError, errors.HFValidationError) as e:
        raise _refused(name, revision, e) from e
    except (errors.XetDownloadError, errors.FileMetadataError) as e:
        raise ModelError(f"{name}: the transfer failed: {e}", hint="Run this again.", issue="download-failed") from e
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, UnicodeError) as e:
        raise ModelError(
            f"Hugging Face can't be reached: {str(e) or type(e).__name__}",
            hint=f"{_ELSEWHERE} Then run this again.",
            issue="hub-unreachable",
        ) from e


def _refused(name: str, revision: str, error: Exception) -> ModelError:
    """Return the meaning of the hub's refusal; subclasses come before their base classes."""
    from huggingface_hub import errors

    page = f"https://huggingface.co/{name}"
    for kind, says, hint, issue in (
        (
            errors.GatedRepoError,
            f"{name} is gated: its owner wants you to accept a licence first",
            f"Accept it at {page}, make a token at https://huggingface.co/settings/tokens, then {_LOGIN}.",
            "download-refused",
        ),
        (
            errors.RepositoryNotFoundError,
            f"there is no model {name} at Hugging Face, or it is private",
            f"Check the name, or the path if a file or folder was meant. If it is private, {_LOGIN}.",
            "model-name-wrong",
        ),
        (
            errors.RevisionNotFoundError,
            f"{name} has no revision {revision}",
            f"Leave out @{revision}, or see {page}/commits",
            "model-name-wrong",
        ),
        (errors.EntryNotFoundError, f"{name} has no such file", f"See {page}/tree/{revision}", "model-name-wrong"),
        (errors.HFValidationError, f"{name!r} is not the name of a model", "Write hf:OWNER/NAME.", "model-name-wrong"),
    ):
        if isinstance(error, kind):
            return ModelError(says, hint=hint, issue=issue)
    if isinstance(error, errors.HfHubHTTPError):
        return _answered(name, error.response.status_code, error.response.headers)
    return _answered(name, 0, {})


def _answered(name: str, status: int, headers: Mapping[str, str]) -> ModelError:
    if status == 429:
        wait_s, allowed = asked_s(headers), allowance(headers)
        limit = f"; its limit is {allowed}" if allowed else ""
        asks = f", and asks to wait {in_words(wait_s)}" if wait_s else ""
        return TooManyRequests(
            f"Hugging Face answers too many requests (429) for {name}{asks}{limit}",
            hint=f"Wait {in_words(wait_s) if wait_s else 'some minutes'}. A login allows more requests: {_LOGIN}.",
            wait_s=wait_s,
        )
    if status in {401, 403}:
        says = f"Hugging Face refuses {name} ({status}): the token is wrong or may not read it"
        return ModelError(says, hint=f"Check the token: {_LOGIN}.", issue="download-refused")
    return ModelError(
        f"Hugging Face answers {status} for {name}",
        hint="Try again later: https://status.huggingface.co",
        issue="hub-unreachable",
    )


def unreachable(endpoint: str, why: str) -> ModelError:
    return ModelError(f"{endpoint} can't be reached: {why}", hint=_ELSEWHERE, issue="hub-unreachable")


def offline(name: str) -> ModelError:
    return ModelError(
        f"{name} is not here, and HF_HUB_OFFLINE forbids asking for it",
        hint="Unset HF_HUB_OFFLINE.",
        issue="hub-unreachable",
    )
