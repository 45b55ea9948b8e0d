"""The header of an entry is the one that its files have."""

from pathlib import Path

import pytest

import stackctl
from stackctl.core.catalogue.entry import FILE, Entry
from stackctl.core.catalogue.header import shape_of
from stackctl.core.catalogue.parse import parse

CATALOGUE = parse((Path(stackctl.__file__).parent / FILE).read_text(encoding="utf-8"))


@pytest.mark.parametrize("entry", CATALOGUE.entries, ids=lambda one: one.name)
def test_the_weights_of_an_entry_are_its_parameters(entry: Entry) -> None:
    assert shape_of(entry, next(iter(entry.files))).parameters / 1e9 == pytest.approx(entry.billions, rel=0.02)
