"""Read a small file whole into memory, within limits that hold whatever the server does."""

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from stackctl.core.formats import answer_limit
from stackctl.core.formats.answer_limit import Exceeded, Limit
from stackctl.effects.download.server import new_client, shown
from stackctl.errors import ModelError

if TYPE_CHECKING:
    import httpx

_SECONDS: Final = 20.0
_SILENCE_S: Final = 10.0
_REDIRECTS: Final = 5
_AGAIN: Final = "Check the address and the connection, then run this again."


def read_whole(
    url: str,
    *,
    most: int,
    may_follow: Callable[[str, str], bool],
    bounded: "Callable[[httpx.BaseTransport], httpx.BaseTransport]",
    limit: Limit | None = None,
) -> bytes:
    """Return the bytes at an address; raise ModelError if there are none, more than `most`, or too slow ones.

    `may_follow(to, after)` says whether a redirect is followed; `bounded` limits a transport (effects/bounded.py).
    """
    import httpx

    where = shown(url)
    wanted = limit or Limit(seconds=_SECONDS, silence_s=_SILENCE_S, size=most)
    with new_client() as client:
        way = bounded(_through(client))
        try:
            place = httpx.URL(url)
            for _ in range(_REDIRECTS):
                request = client.build_request("GET", place, extensions={answer_limit.EXTENSION: wanted})
                with contextlib.closing(way.handle_request(request)) as response:
                    if not response.has_redirect_location:
                        _refuse_status(where, response.status_code)
                        return b"".join(response.iter_raw())
                    there = place.join(response.headers["location"])
                if not may_follow(str(there), str(place)):
                    raise ModelError(
                        f"{where} redirects to {there.scheme}://{there.host}, which is not followed",
                        hint="Check the address; only another https address is followed.",
                        issue="download-failed",
                    )
                place = there
        except Exceeded as e:
            raise ModelError(f"{where} can't be read: {e}", hint=_AGAIN, issue="download-failed") from e
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as e:
            raise ModelError(
                f"{where} can't be read: {str(e) or type(e).__name__}", hint=_AGAIN, issue="download-failed"
            ) from e
    raise ModelError(f"{where} redirects too often, more than {_REDIRECTS} times", hint=_AGAIN, issue="download-failed")


def _through(client: "httpx.Client") -> "httpx.BaseTransport":
    """Return a transport that sends each request through a client, which knows the user's proxies."""
    import httpx

    class Through(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            return client.send(request, stream=True, follow_redirects=False)

    return Through()


def _refuse_status(where: str, status: int) -> None:
    if status == 200:
        return
    says = {
        401: "the server wants a login (401)",
        403: "the server refuses it (403)",
        404: "there is nothing at that address (404)",
        429: "the server answers 429: too many requests",
    }.get(status, f"the server answers {status}")
    raise ModelError(f"{where}: {says}", hint=_AGAIN, issue="download-failed")
