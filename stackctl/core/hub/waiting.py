"""How long to wait after a server's refusal, by its headers."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

# Hugging Face's own: "api";r=0;t=55, after draft-ietf-httpapi-ratelimit-headers-09 (huggingface_hub/utils/_http.py)
_RATE_LIMIT: Final = re.compile(r"\br\s*=\s*0\s*;\s*t\s*=\s*(\d{1,9})")
# "fixed window";"api";q=500;w=300 comes with it
_POLICY: Final = re.compile(r"\bq\s*=\s*(\d{1,9})\s*;\s*w\s*=\s*(\d{1,9})")
_LONGEST_S: Final = 365 * 86_400.0  # whatever a server asks for; a number of hundreds of digits is no time


def asked_s(headers: Mapping[str, str]) -> float:
    """Return the seconds of Retry-After: a number, or a date compared with the server's clock; 0.0 if there is none.

    Without that header, return the seconds until an exhausted rate limit is reset. More than a year counts as a year.
    """
    return min(_asked_s(headers), _LONGEST_S)


def _asked_s(headers: Mapping[str, str]) -> float:
    asked = headers.get("retry-after", "").strip()
    if asked.isdecimal():
        return float(asked)
    if found := _RATE_LIMIT.search(headers.get("ratelimit", "")):
        return float(found[1])
    try:
        until, now = (parsedate_to_datetime(text) for text in (asked, headers.get("date", "")))
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError):  # no dates, or only one of them with a time zone
        return 0.0


def allowance(headers: Mapping[str, str]) -> str:
    """Return how much a rate limit allows, as a noun: "500 requests in 5 minutes"; "" if the server does not say."""
    found = _POLICY.search(headers.get("ratelimit-policy", ""))
    return f"{int(found[1])} requests in {in_words(int(found[2]))}" if found else ""


def in_words(seconds: float) -> str:
    """Return a time to wait as a text: "3 minutes", "20 s", "365 days"."""
    if seconds >= 2 * 86_400:
        return f"{seconds / 86_400:.0f} days"
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} s"
