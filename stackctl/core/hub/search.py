"""A search of Hugging Face: what is asked, and what its answer lists. The answer is foreign text.

Sources: huggingface_hub 2.4 (HfApi.list_models: the path, its parameters, the values of `sort`), and answers as public
code has recorded them: a list of objects with "id", and what `expand` names; "gguf" has "total" (parameters),
"architecture" and "context_length" of one of the files, and the whole chat template. `filter=gguf` is what keeps other
formats out; the listing has no sizes. A page has at most 1000 hits.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from stackctl.core.formats import bounded_json
from stackctl.core.formats.bounded_json import NoTable
from stackctl.core.hub.pages import NAME
from stackctl.errors import ModelError

# the order that a user names -> the hub's name for it; it always has the most or the newest first
SORTS: Final = {"trending": "trendingScore", "downloads": "downloads", "likes": "likes", "newest": "createdAt"}
LONGEST_WORDS: Final = 200  # characters
PATH: Final = "/api/models"
_EXPANDED: Final = ("createdAt", "downloads", "gated", "gguf", "likes")
_MOST_VALUES: Final = 100_000  # of the answer; a hit has about 15
_NAME: Final = re.compile(NAME, re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LONGEST: Final = 100  # characters of a repository's name; the hub allows 96


@dataclass(frozen=True, kw_only=True)
class Query:
    """What a user looks for. words: "" for the list of all models; sort: a key of SORTS; limit: how many hits."""

    words: str = ""
    sort: str = "trending"
    limit: int = 10

    @property
    def parameters(self) -> tuple[tuple[str, str], ...]:
        """Return the parameters of the request, not yet encoded."""
        words = (("search", self.words.encode("utf-8", "replace").decode()),) if self.words else ()
        expanded = (("expand", name) for name in _EXPANDED)
        return (*words, ("filter", "gguf"), ("sort", SORTS[self.sort]), ("limit", str(self.limit)), *expanded)


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A repository that the search found. architecture: of one of its GGUF files, as the hub states; "" if unknown."""

    name: str  # "owner/name"
    created: str = ""  # day: "2026-09-01"; "" if unknown
    downloads: int | None = None  # of the last 30 days
    likes: int | None = None
    is_gated: bool = False
    architecture: str = ""


def hits(text: str, limit: int) -> tuple[Hit, ...]:
    """Return at most `limit` hits of an answer, each repository once; raise ModelError for another kind of answer.

    An entry without the name of a repository is left out, and what has a wrong type counts as unknown.
    """
    try:
        listed = bounded_json.parse(f'{{"hits": {text}}}', _MOST_VALUES)["hits"]
    except NoTable as e:
        raise _strange(str(e)) from e
    if not isinstance(listed, list):
        raise _strange("is no list")
    found: dict[str, Hit] = {}
    for one in listed:
        if len(found) == limit:
            break
        hit = _hit(one)
        if hit:
            found.setdefault(hit.name, hit)
    return tuple(found.values())


def _hit(one: object) -> Hit | None:
    if not isinstance(one, dict):
        return None
    name = one.get("id")
    if not isinstance(name, str) or len(name) > _LONGEST or not _NAME.fullmatch(name) or ".." in name:
        return None
    inside = one.get("gguf")
    created = _DATE.match(_text(one.get("createdAt")))
    return Hit(
        name=name,
        created=created[0] if created else "",
        downloads=_count(one.get("downloads")),
        likes=_count(one.get("likes")),
        is_gated=one.get("gated") not in {None, False} if isinstance(one.get("gated"), bool | str | None) else False,
        architecture=_text(inside.get("architecture"))[:_LONGEST] if isinstance(inside, dict) else "",
    )


def _strange(why: str) -> ModelError:
    return ModelError(
        f"Hugging Face's answer to the search {why}",
        hint="Check HF_ENDPOINT if it is set; else run this again later: https://status.huggingface.co",
        issue="hub-unreachable",
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12 else None
