"""Download a file: resume it where it stopped, verify it, and put it in place only when it is complete."""

import contextlib
import hashlib
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from stackctl.effects.download.background import Flushing, Hashing
from stackctl.effects.download.part import Part
from stackctl.effects.download.server import BY_HAND, Again, StartOver, answer, body, continued, new_client, shown
from stackctl.errors import ModelError

if TYPE_CHECKING:
    import httpx
    from tenacity import RetryCallState

Progress = Callable[[int, int], None]  # bytes so far, bytes in all (0: unknown)

_LONGEST_PAUSE_S: Final = 30.0
_STRETCH: Final = 16 << 20  # bytes after which the disk's free room is checked again


def fetch(  # noqa: PLR0913 - the last three stand for the outside: network, clock, disk
    url: str,
    target: Path,
    *,
    size: int,
    sha256: str,
    progress: Progress,
    headers: Mapping[str, str] = MappingProxyType({}),
    client: "httpx.Client | None" = None,
    sleep: Callable[[float], None] = time.sleep,
    free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> str:
    """Download `url` to `target`, complete and verified, and return its sha256 as hex; size 0 and sha256 "": unknown.

    `headers` go to the server of `url` only, not to where it redirects, because they may hold a token.
    Until it is complete the file is `<name>.part` (with `<name>.part.json`), which the next call resumes. A target that
    is already right costs no request. Of two calls at once the second waits, and finds the first one's file.
    Raises ModelError, DoesNotFit if the disk is too small, DataError if the disk can't be written.
    """
    where, expected = shown(url), sha256.lower()
    part = Part(url=url, target=target, size=size, free=free)
    with part.explained(), part.alone():
        if digest := part.finished(expected):
            return digest
        with contextlib.nullcontext(client) if client else new_client() as ours:
            digest = _retried(part, ours, headers, progress, sleep)
        if digest != (expected or digest):
            part.discard()
            raise ModelError(
                f"{where} is not the expected file: its sha256 is {digest}, expected {expected}",
                hint=f"Run this again: it starts from the beginning (the file was deleted). If it fails, {BY_HAND}",
                issue="download-damaged",
            )
        part.put_in_place()
    return digest


def _retried(
    part: Part,
    client: "httpx.Client",
    headers: Mapping[str, str],
    progress: Progress,
    sleep: Callable[[float], None],
) -> str:
    from tenacity import Retrying, retry_if_exception_type

    again = retry_if_exception_type(Again)
    policy = Retrying(retry=again, stop=_is_enough, wait=_pause_s, sleep=sleep, reraise=True)
    try:
        return policy(_attempt, part, client, headers, progress)
    except Again as e:
        raise ModelError(
            f"{shown(part.url)} could not be downloaded: {e.why}",
            hint=" ".join((e.hint, f"Run this again ({part.resumes()}), or {BY_HAND}")),
            issue="download-failed",
        ) from e


def _is_enough(state: "RetryCallState") -> bool:
    return state.attempt_number >= _failure(state).tries


def _pause_s(state: "RetryCallState") -> float:
    return max(_failure(state).asked_s, min(2.0 ** (state.attempt_number - 1), _LONGEST_PAUSE_S))


def _failure(state: "RetryCallState") -> Again:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, Again) else Again("")


def _attempt(part: Part, client: "httpx.Client", own: Mapping[str, str], progress: Progress) -> str:
    """Make one try: complete .part and return its sha256."""
    begun = part.begun()
    have = part.length() if begun else 0
    if begun and have and have == begun.size:
        return part.sha256()
    headers = {"Accept-Encoding": "identity"}  # uncompressed, because Range and sha256 count those bytes
    if begun and have:
        headers |= {"Range": f"bytes={have}-", "If-Range": begun.validator}
    try:
        with answer(client, part.url, headers, own) as response:
            if response.status_code == 206:
                total = continued(response, begun, have)
            else:
                have, total = 0, int(response.headers.get("content-length", 0))
            return _received(part, response, have, _expected_size(part, response, total), progress)
    except StartOver:
        part.discard()
        raise


def _expected_size(part: Part, response: "httpx.Response", said: int) -> int:
    if part.size and said and said != part.size:
        raise ModelError(
            f"{shown(part.url)} is not the expected file: it has {said} bytes, expected {part.size}",
            hint=f"Check the address, because the file may have changed at its source, or {BY_HAND}",
            issue="download-damaged",
        )
    if not part.size and not _is_framed(response):
        raise ModelError(
            f"{shown(part.url)}: the server does not say how long the file is, so a cut would look like its end",
            hint=f"Try another address, or {BY_HAND}",
            issue="download-failed",
        )
    return part.size or said


def _is_framed(response: "httpx.Response") -> bool:
    """Return whether HTTP itself distinguishes the end of the body from a cut."""
    return "content-length" in response.headers or "chunked" in response.headers.get("transfer-encoding", "")


def _received(part: Part, response: "httpx.Response", have: int, total: int, progress: Progress) -> str:
    """Append the body to the first `have` bytes of .part; return the sha256 of the complete file."""
    digest = part.digest() if have else hashlib.sha256()
    done = looked_at = have
    with (
        part.kept_if_useful(),
        Hashing(digest) as hashing,
        part.opened(have) as file,
        Flushing(file.fileno()) as flushing,
    ):
        part.refuse_if_full(total - have if total else None)
        if not have:
            part.note(response.headers.get("etag", ""), response.headers.get("last-modified", ""), total)
        progress(done, total)
        for chunk in body(response):
            file.write(chunk)
            hashing.update(chunk)
            flushing.wrote(len(chunk))
            done += len(chunk)
            if done > (total or done):
                break
            if done - looked_at >= _STRETCH:
                looked_at = done
                part.refuse_if_full(total - done if total else None)
            progress(done, total)
    if done < total and not _is_framed(response):
        raise Again(f"the transfer failed at {done} of {total} bytes")
    if not done or done != (total or done):
        part.discard()
        raise ModelError(
            f"{shown(part.url)} is not the expected file: {done} bytes arrived, expected {total or 'some'}",
            hint=f"Check the address (what arrived was deleted), or {BY_HAND}",
            issue="download-damaged",
        )
    return digest.hexdigest()
