"""Hugging Face, by its own library: the files of a repository, and the request for one of them.

The library provides the token (HF_TOKEN, or its stored login), the endpoint (HF_ENDPOINT, for mirrors) and the offline
mode (HF_HUB_OFFLINE). Its downloads start from the beginning after an interruption (2.4 writes to a file of a random
name), so effects/download, which resumes, downloads over plain HTTP. `xet` is for files that the hub gives only by xet.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from stackctl import __version__
from stackctl.core.hub.remote import FileRequest
from stackctl.core.hub.source import Source
from stackctl.effects.hub import api, refusals
from stackctl.errors import ModelError

if TYPE_CHECKING:
    from stackctl.core.hub.remote import RemoteHead
    from stackctl.core.hub.repository import Repo
    from stackctl.core.hub.search import Hit, Query

XET_FROM: Final = 50 * 10**9  # bytes; for larger files the hub answers no plain request (huggingface_hub/constants.py)
_PATIENCE_S: Final = 1.5  # for the first sign of the hub; an answer takes about 0.4 s


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

    def search(self, query: "Query") -> "tuple[Hit, ...]":
        """Return what the hub's own search finds; raise ModelError if it can't be asked."""
        from stackctl.core.hub import search

        _refuse_offline()
        with refusals.explained("the search"):
            text = refusals.retried(
                lambda: api.ask(self.endpoint, search.PATH, query.parameters), self.sleep, waits=False
            )
        return search.hits(text, query.limit)

    def repository(self, source: Source, *, waits: bool = True) -> "Repo":
        """Return a repository at its revision; raise ModelError if it can't be read.

        `waits`: wait if the hub takes no more requests for up to a minute; else raise TooManyRequests at once.
        """
        if found := self.known.get((source.repo, source.revision)):
            return found
        from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # its __all__ is computed

        from stackctl.core.hub import listing

        path = f"/api/models/{source.repo}/revision/{quote(source.revision, safe='')}"
        with refusals.explained(source.repo, source.revision):
            validate_repo_id(source.repo)
            text = refusals.retried(lambda: api.ask(self.endpoint, path, (("blobs", "true"),)), self.sleep, waits=waits)
        found = listing.repo(text, source.repo)
        self.known[source.repo, source.revision] = found
        return found

    def address(self) -> str:
        """Return the hub's address; "" if the environment forbids asking it."""
        from huggingface_hub import constants

        return "" if constants.HF_HUB_OFFLINE else self.endpoint or constants.ENDPOINT

    def check_connection(self, patience_s: float = _PATIENCE_S) -> None:
        """Raise ModelError unless the hub gives any answer at all within `patience_s`, name resolution included."""
        from huggingface_hub import constants

        endpoint = self.endpoint or constants.ENDPOINT
        _refuse_offline()
        if failure := _failure(endpoint, patience_s):
            raise refusals.unreachable(endpoint, failure)

    def request(self, source: Source, file: str, *, is_asked: bool = True) -> FileRequest:
        """Return the plain HTTP request for a file. `is_asked`: ask the hub first; raise ModelError if it refuses."""
        from huggingface_hub import get_hf_file_metadata, hf_hub_url, is_offline_mode
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # its __all__ is computed

        if is_offline_mode():
            raise refusals.offline(str(source))
        api.tell_nothing()
        with refusals.explained(source.repo, source.revision):
            url = hf_hub_url(source.repo, file, revision=source.revision, endpoint=self.endpoint)
            if is_asked:
                refusals.retried(lambda: get_hf_file_metadata(url, endpoint=self.endpoint), self.sleep)
            headers = build_hf_headers(library_name="stackctl", library_version=__version__)  # as its own downloads
        return FileRequest(url=url, headers=headers)

    def xet(self, source: Source, file: str, target: Path) -> None:
        """Download a file that the hub gives only by xet, unverified. An interruption starts it from the beginning."""
        from huggingface_hub import hf_hub_download

        api.tell_nothing()
        folder = target.with_name(f".{target.name}.xet")
        with refusals.explained(source.repo, source.revision):
            hf_hub_download(source.repo, file, revision=source.revision, local_dir=folder, endpoint=self.endpoint)
        (folder / file).replace(target)
        shutil.rmtree(folder)


def _refuse_offline() -> None:
    from huggingface_hub import is_offline_mode

    if is_offline_mode():
        raise ModelError(
            "HF_HUB_OFFLINE forbids asking Hugging Face", hint="Unset HF_HUB_OFFLINE.", issue="hub-unreachable"
        )


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
