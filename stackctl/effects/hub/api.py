"""One question to Hugging Face's API, with huggingface_hub's client: its token, proxy and offline mode."""

import time
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlencode

from stackctl import __version__
from stackctl.errors import ModelError

_LONGEST: Final = 32 << 20  # bytes; a listing of 100 000 files has about 20 MB, 50 hits with their templates 1 MB
_OF_THE_BODY: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})
_PATIENCE_S: Final = 90.0  # for the whole answer


def tell_nothing() -> None:
    """Turn the library's telemetry off: for it, it asks the hub which programs may run it, and trusts the answer."""
    from huggingface_hub import constants

    constants.HF_HUB_DISABLE_TELEMETRY = True


def ask(
    endpoint: str | None,
    path: str,
    parameters: Sequence[tuple[str, str]],
    *,
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """Return the text at a path of the API, which has a bounded size; raise what huggingface_hub raises.

    endpoint: None for the environment's. Raise ModelError if the answer does not end.
    """
    import httpx2
    from huggingface_hub import constants, get_session
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # its __all__ is computed
        build_hf_headers,
        hf_raise_for_status,
    )

    tell_nothing()
    headers = build_hf_headers(library_name="stackctl", library_version=__version__)
    url = f"{endpoint or constants.ENDPOINT}{path}?{urlencode(parameters)}"
    until = clock() + _PATIENCE_S
    body = bytearray()
    with get_session().stream("GET", url, headers=headers, timeout=httpx2.Timeout(30, connect=5)) as response:
        for piece in response.iter_bytes():
            body += piece
            if len(body) > _LONGEST or clock() > until:
                raise ModelError(
                    f"Hugging Face's answer does not end: {len(body) / 1e6:.0f} MB came",
                    hint="Check HF_ENDPOINT if it is set; else run this again later: https://status.huggingface.co",
                    issue="hub-unreachable",
                )
        kept = [one for one in response.headers.multi_items() if one[0].lower() not in _OF_THE_BODY]
        # of a refusal the headers tell the cause; the library reads its body without checking what it is
        content = bytes(body) if response.status_code < 400 else b""
        whole = httpx2.Response(response.status_code, headers=kept, content=content, request=response.request)
    hf_raise_for_status(whole)
    return whole.content.decode("utf-8", "replace")
