"""The archive from which apt gets a release's packages, by the files of /etc/apt.

Sources: sources.list(5): a line `deb [options] URI suite components`, or a paragraph of fields (deb822).
"""

import re
from collections.abc import Iterator
from typing import Final

_ADDRESS: Final = re.compile(r"https?://[A-Za-z0-9._~:/%+-]{1,200}")
_OPTIONS: Final = re.compile(r"\[[^\]]{0,500}\]")


def find_archive(text: str, codename: str) -> str:
    """Return the address of the first archive that gives the section main of a release; "" if none does."""
    return next((uri for uri, suite in _mains(text) if suite == codename and _ADDRESS.fullmatch(uri)), "")


def _mains(text: str) -> Iterator[tuple[str, str]]:
    """Give (address, suite) of each entry with the section main."""
    for line in text.splitlines():
        kind, *words = _OPTIONS.sub("", line).split()[:50] or [""]
        if kind == "deb" and len(words) > 2 and "main" in words[2:]:
            yield words[0], words[1]
    for paragraph in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"(?m)^(Types|URIs|Suites|Components|Enabled):[ \t]*(.*)$", paragraph))
        if "main" in fields.get("Components", "").split() and fields.get("Enabled", "yes").strip().lower() != "no":
            yield from (
                (uri, suite) for uri in fields.get("URIs", "").split() for suite in fields.get("Suites", "").split()
            )
