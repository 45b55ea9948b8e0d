"""A repository as Hugging Face's API describes it (/api/models/OWNER/NAME?blobs=true). The answer is foreign text."""

from collections.abc import Iterator
from typing import Any, Final

from stackctl.core.formats import bounded_json
from stackctl.core.formats.bounded_json import NoTable
from stackctl.core.hub.repository import Repo
from stackctl.core.hub.source import RepoFile
from stackctl.errors import ModelError

_MOST_VALUES: Final = 1_000_000  # a file has about ten


def repo(text: str, name: str) -> Repo:
    """Return the repository that an answer describes; raise ModelError for another kind of answer.

    A file without a name is left out, and what has a wrong type counts as unknown.
    """
    try:
        said = bounded_json.parse(text, _MOST_VALUES)
    except NoTable as e:
        raise ModelError(
            f"Hugging Face's answer about {name} {e}",
            hint="Check HF_ENDPOINT if it is set; else run this again later: https://status.huggingface.co",
            issue="hub-unreachable",
        ) from e
    card = said.get("cardData")
    card = card if isinstance(card, dict) else {}
    return Repo(
        name=name,
        commit=_text(said.get("sha")),
        files=tuple(_files(said.get("siblings"))),
        licence=_text(card.get("license_name") or card.get("license")),
        languages=_texts(card.get("language")),
        base=next(iter(_texts(card.get("base_model"))), ""),
        is_gated=bool(said.get("gated")),
    )


def _files(listed: object) -> Iterator[RepoFile]:
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and (name := _text(one.get("rfilename"))):
            lfs = one.get("lfs")
            sha256 = _text(lfs.get("sha256")) if isinstance(lfs, dict) else ""
            yield RepoFile(name=name, size=_size(one.get("size")), sha256=sha256)


def _size(value: Any) -> int:
    """Return a size in bytes; 0 if it is unknown."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _texts(value: object) -> tuple[str, ...]:
    found = value if isinstance(value, list) else [value]
    return tuple(text for one in found if (text := _text(one)))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
