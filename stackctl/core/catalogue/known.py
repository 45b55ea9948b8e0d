"""Which model of the catalogue a file holds: by the repositories that it comes from, or by the name in its header."""

import re
from collections.abc import Iterable

from stackctl.core.catalogue.entry import Catalogue, Entry
from stackctl.core.hub.pages import repo_of
from stackctl.core.model.model import Header


def entry_of(catalogue: Catalogue, header: Header, repo: str = "") -> Entry | None:
    """Return the entry of a model; None if the catalogue has none.

    repo: OWNER/NAME that the file was taken from; "" if unknown. The repositories in the header follow, its base models
    last: what suits these suits a model that was made of them. A name in the header counts for the same architecture.
    """
    by_repo: dict[str, Entry] = {}
    for entry in catalogue.entries:
        for known in (entry.repo, repo_of(entry.source)):
            by_repo.setdefault(known.lower(), entry)
    for one in (repo, *header.repos):
        if one and (found := by_repo.get(one.lower())):
            return found
    title = _plain(header.title)
    alike = (one for one in catalogue.entries if one.architecture == header.architecture)
    return next((one for one in alike if title and title in _names(one)), None)


def _names(entry: Entry) -> Iterable[str]:
    return {_plain(entry.name), _plain(repo_of(entry.source).partition("/")[2])} - {""}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
