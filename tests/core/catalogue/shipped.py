"""The catalogue that comes with the program."""

from pathlib import Path

import stackctl
from stackctl.core.catalogue.entry import FILE, Entry
from stackctl.core.catalogue.parse import parse

TEXT = (Path(stackctl.__file__).parent / FILE).read_text(encoding="utf-8")
CATALOGUE = parse(TEXT)


def entry(name: str) -> Entry:
    return next(one for one in CATALOGUE.entries if one.name == name)
