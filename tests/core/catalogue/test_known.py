"""A model is found in the catalogue by where it comes from, or by its name."""

from dataclasses import replace

import pytest

from stackctl.core.catalogue.entry import Catalogue
from stackctl.core.catalogue.known import entry_of
from stackctl.core.model.model import Header
from tests.core.catalogue.shipped import CATALOGUE

SOURCES = {"Tune": "https://huggingface.co/maker/Tune-8B-v1.5", "Base": "https://huggingface.co/lab/Base-8B-it"}
ENTRIES = tuple(
    replace(CATALOGUE.entries[0], name=name, repo=f"quants/{name}-GGUF", source=page, architecture="llama")
    for name, page in SOURCES.items()
)
TWO = Catalogue(date="2026-01-01", schema=1, bits={}, entries=ENTRIES)


@pytest.mark.parametrize(
    ("repo", "header", "found"),
    [
        ("quants/Tune-GGUF", Header(format="gguf"), "Tune"),
        ("Quants/tune-gguf", Header(format="gguf"), "Tune"),
        ("maker/Tune-8B-v1.5", Header(format="safetensors"), "Tune"),
        ("other/Tune-GGUF", Header(format="gguf", repos=("maker/Tune-8B-v1.5", "lab/Base-8B-it")), "Tune"),
        ("other/New-Tune-GGUF", Header(format="gguf", repos=("other/New-Tune", "lab/Base-8B-it")), "Base"),
        ("", Header(format="gguf", architecture="llama", title="Tune 8B V1.5"), "Tune"),
        ("", Header(format="gguf", architecture="llama", title="base"), "Base"),
        ("", Header(format="gguf", architecture="qwen3", title="Base"), None),  # another model of that name
        ("", Header(format="gguf", architecture="llama", title="Tune 8B v2"), None),
        ("", Header(format="gguf", architecture="llama", title="?"), None),
    ],
)
def test_by_its_repository_then_those_in_its_header_then_its_name(repo: str, header: Header, found: str | None) -> None:
    entry = entry_of(TWO, header, repo)
    assert (entry and entry.name) == found
