import pytest

from stackctl.core.hub.raw_pieces import piece_of, set_of, sets


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (("m.Q8_0.gguf.part1of2", "m.Q8_0.gguf.part2of2"), ()),
        (("m.Q8_0.gguf.part1of3", "m.Q8_0.gguf.part3of3"), ("m.Q8_0.gguf.part2of3",)),
        (("m.Q8_0.gguf.part01-of-12",), tuple(f"m.Q8_0.gguf.part{n:02d}-of-12" for n in range(2, 13))),
        (("m.Q8_0.gguf-split-a", "m.Q8_0.gguf-split-b"), ()),
        (("m.Q8_0.gguf-split-b", "m.Q8_0.gguf-split-c"), ("m.Q8_0.gguf-split-a",)),
        (("m.Q8_0.gguf.aa", "m.Q8_0.gguf.ab", "m.Q8_0.gguf.ac"), ()),
        (("m.Q8_0.gguf.aa", "m.Q8_0.gguf.ac"), ("m.Q8_0.gguf.ab",)),
        (("m.Q8_0.gguf.part_aa", "m.Q8_0.gguf.part_ab"), ()),
        (("m.Q8_0.gguf.part-aaa", "m.Q8_0.gguf.part-aab"), ()),
        (("m.Q8_0.gguf.001", "m.Q8_0.gguf.002"), ()),
        (("m.Q8_0.gguf.002", "m.Q8_0.gguf.003"), ("m.Q8_0.gguf.001",)),
        (("m.Q8_0.gguf.00", "m.Q8_0.gguf.01"), ()),
        (("m.Q8_0.gguf.0", "m.Q8_0.gguf.1"), ()),
        (("m.Q8_0.gguf.1of2", "m.Q8_0.gguf.2of2"), ()),
        (("m.Q8_0.gguf-part1", "m.Q8_0.gguf-part2"), ()),
        (("m.Q8_0.gguf.chunk-1", "m.Q8_0.gguf.chunk-2"), ()),
        (("m.Q8_0.GGUF.PART1", "m.Q8_0.GGUF.PART2"), ()),
        (("q/m.gguf.part1of2", "q/m.gguf.part2of2"), ()),
    ],
    ids=lambda value: value[0] if value else "whole",
)
def test_pieces_are_known_by_their_names_and_so_is_what_lacks(names: tuple[str, ...], missing: tuple[str, ...]) -> None:
    (found,) = sets(reversed(names))
    assert (found.names, found.missing) == (names, missing)
    assert found.whole.lower().endswith("m.gguf") or found.whole.lower() == "m.q8_0.gguf"
    assert set_of(names[-1], names) == found


def test_ten_pieces_are_in_the_order_of_their_numbers() -> None:
    (found,) = sets(f"m.gguf.part{number}of11" for number in range(1, 12))
    assert found.names[1:3] == ("m.gguf.part2of11", "m.gguf.part3of11")
    assert found.names[-1] == "m.gguf.part11of11"
    assert sets([f"m.gguf.{a}{b}" for a in "ab" for b in "abcdefghijklmnopqrstuvwxyz"])[0].missing == ()


@pytest.mark.parametrize(
    "name",
    [
        "m.gguf", "m.gguf.part", "m.gguf.bak", "m.gguf.md", "m.gguf.zip", "m.gguf.asc", "m.gguf.7z", "m.gguf.sha256",
        "m-00001-of-00002.gguf", "m.part1of2", "m.json.1", "m.gguf.part1of2.sha256", "m.gguf.crdownload",
    ],
)  # fmt: skip
def test_other_endings_are_no_pieces(name: str) -> None:
    assert piece_of(name) is None
    assert set_of(name, [name]) is None


def test_a_single_file_with_a_number_may_be_a_second_copy() -> None:
    assert sets(["m.gguf", "m.gguf.1"]) == ()


def test_two_models_in_pieces_are_two_sets() -> None:
    names = ("a.gguf.part1of2", "a.gguf.part2of2", "b.gguf.aa", "b.gguf.ab", "a.gguf.part1of3", "README.md")
    assert [one.whole for one in sets(names)] == ["a.gguf", "a.gguf", "b.gguf"]
