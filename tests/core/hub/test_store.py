from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.core.hub.source import RepoFile, Source, name_fault, parse
from stackctl.core.hub.store import StoredModel, dump, refuse_misplaced, where
from stackctl.core.hub.store import parse as parse_record
from stackctl.errors import ModelError


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


REPO = Source(repo="owner/name")
ELSEWHERE = (
    "", "/", "/etc/x.gguf", "//x.gguf", "..", "../x.gguf", "a/../x.gguf", "a/../../x.gguf", ".", "./x.gguf",
    "a//x.gguf", "a/", "a\\..\\x.gguf", "C:\\x.gguf", "x\0.gguf", "x\n.gguf", "x\t.gguf", "x\x7f.gguf", "x\x9b2J.gguf",
    "x\x85.gguf", "x\u2028.gguf", "x\u202efugg.x", "x\u2066.gguf", "x\u061c.gguf", "x\ud800.gguf", ".x.gguf",
    "a/.x.gguf", ".a/x.gguf", ".x.gguf.stackctl.json", ".x.gguf.lock", ".x.gguf.xet/x.gguf", "x.gguf.part",
    "x.gguf.part.json", "X.GGUF.PART.JSON", "x" * 201, "\u65e5" * 70, "a/" * 600 + "x.gguf",
)  # fmt: skip


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_name_that_is_not_a_files_own_below_its_repository_is_refused_and_shown_with_escapes(name: str) -> None:
    with pytest.raises(ModelError) as caught:
        refuse_misplaced((name,), REPO)
    assert "owner/name" in caught.value.message
    assert caught.value.message.isprintable()
    assert caught.value.hint


@pytest.mark.parametrize("name", ELSEWHERE[1:])
def test_a_source_that_names_a_file_elsewhere_has_no_place(name: str) -> None:
    with pytest.raises(ModelError):
        where(Source(repo="owner/name", file=name))


@pytest.mark.parametrize(
    "name",
    [
        "x.gguf",
        "Q4/x-00001-of-00002.gguf",
        "-x.gguf",
        "a b $(c) 'd\".gguf",
        "a..b.gguf",
        "\u65e5\u672c\u3000\u8a9e.gguf",
        "x" * 200,
    ],
)
def test_any_other_name_is_taken_as_it_is(name: str) -> None:
    assert where(Source(repo="owner/name", file=name)) == PurePosixPath("hf/owner/name") / name
    refuse_misplaced((name,), REPO)


@pytest.mark.parametrize(
    "names",
    [
        ("config.json", "Config.json"), ("a/x.gguf", "A/X.gguf"), ("x.gguf", "x.gguf"), ("\u00e9.gguf", "e\u0301.gguf"),
        ("x.gguf", "x.gguf/y.gguf"), ("a/b/c.gguf", "A"), ("x.gguf", "y.gguf", "X.gguf/z/y.gguf"),
    ],
)  # fmt: skip
def test_files_of_which_one_would_cover_another_on_some_disk_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ModelError, match=r"owner/name has a file named .*: it would have the same place as .*"):
        refuse_misplaced(names, REPO)


@given(st.lists(st.text(alphabet="./\\aA\0\u202e\ud800-", max_size=8), max_size=4))
def test_names_that_are_taken_lie_below_the_folder_each_in_a_place_of_its_own(names: list[str]) -> None:
    try:
        refuse_misplaced(names, REPO)
    except ModelError:
        return
    places = {PurePosixPath("/store", name) for name in names}
    assert len(places) == len(names)
    for place, name in zip(places, names, strict=True):
        assert not name_fault(name)
        assert ".." not in place.parts
        assert place.is_relative_to("/store")
        assert not places & set(place.parents)


def record(place: str, *names: str, is_folder: bool = False) -> StoredModel | None:
    """A record with these names, as it is read where it lies."""
    files = tuple(RepoFile(name=name, size=1, sha256="0" * 64) for name in names)
    kept = StoredModel(
        place=PurePosixPath(place), source="hf:o/n", commit="", licence="", pulled="", is_folder=is_folder, files=files
    )
    return parse_record(dump(kept), kept.place)


def test_a_record_names_files_beside_itself_alone() -> None:
    assert record("hf/o/n/Q4/x.gguf", "Q4/x.gguf")
    assert record("hf/o/n", "a.safetensors", "config.json", is_folder=True)
    for name in ("/etc/passwd", "../x", "a/../../x", "x\0", ".x", "a/b/c/d/e/f/y.gguf", "y.gguf"):
        assert record("hf/o/n/x.gguf", name) is None
        assert record("hf/o/n/x.gguf", "x.gguf", f"{name}/..") is None
    assert record("hf/o/n", "/etc/passwd", is_folder=True) is None
