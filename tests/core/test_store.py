from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.core.source import parse
from stackctl.core.store import where


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("hf:owner/name/x.gguf", "hf/owner/name/x.gguf"),
        ("hf:owner/name/Q4/x-00001-of-00002.gguf", "hf/owner/name/Q4/x-00001-of-00002.gguf"),
        ("hf:owner/name@v1/x.gguf", "hf/owner/name@v1/x.gguf"),
        ("hf:owner/name", "hf/owner/name"),
    ],
)
def test_a_repositorys_file_lies_as_the_repository_has_it(text: str, place: str) -> None:
    source = parse(text)
    assert source
    assert where(source) == PurePosixPath(place)


def test_two_addresses_of_one_name_do_not_meet() -> None:
    one, other = parse("https://example.org/a/x.gguf"), parse("https://example.org/b/x.gguf")
    assert one
    assert other
    assert where(one).name == where(other).name == "x.gguf"
    assert where(one) != where(other)


@given(st.text(max_size=40))
def test_no_address_leads_out_of_the_folder(path: str) -> None:
    source = parse(f"https://example.org/{path}")
    assert source
    place = where(source)
    assert len(place.parts) == 4
    assert ".." not in place.parts
    assert not place.is_absolute()
    assert len(place.name.encode()) <= 200
