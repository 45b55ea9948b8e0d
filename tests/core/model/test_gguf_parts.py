import re
import shlex
from dataclasses import replace

import pytest

from stackctl.core.model import gguf, gguf_parts
from stackctl.errors import ModelError
from tests.shapes.header import Value, header


def part(number: int, count: int) -> gguf.GgufFile:
    metadata: dict[str, Value] = {"general.architecture": "llama", "split.no": number, "split.count": count}
    raw, size = header(metadata, {f"t.{number}": ("f32", (4,))})
    return gguf.read(raw + bytes(size - len(raw)), size, name="x")


def parts(*split: tuple[int, int]) -> gguf_parts.Parts:
    """The parts of a split model, each with its own (split.no, split.count)."""
    found = gguf_parts.Parts()
    for at, (number, count) in enumerate(split, 1):
        found.add(part(number, count), name=f"m-{at:05d}-of-{len(split):05d}.gguf")
    return found


def test_the_parts_of_a_split_model_in_their_places_are_taken() -> None:
    assert len(parts((0, 3), (1, 3), (2, 3)).files) == 3


@pytest.mark.parametrize(
    ("split", "says"),
    [
        (
            [(0, 3), (2, 3), (1, 3)],
            "m-00002-of-00003.gguf is part 3 of 3 by its header, but has the place of part 2",
        ),
        ([(1, 2), (0, 2)], "m-00001-of-00002.gguf is part 2 of 2 by its header, but has the place of part 1 of 2"),
        ([(0, 2), (0, 2)], "part 1 of 2 by its header, but has the place of part 2 of 2"),
        ([(0, 2), (1, 3)], "part 2 of 3 by its header, but has the place of part 2 of 2"),
    ],
)
def test_swapped_parts_are_said_with_the_place_of_each(split: list[tuple[int, int]], says: str) -> None:
    with pytest.raises(ModelError, match=re.escape(says)) as caught:
        parts(*split)
    assert "00001-of-" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("/m/Hermes-Q6_K.gguf", "/m/Hermes-Q6_K"),
        ("Hermes-Q6_K-1-of-2.gguf", "Hermes-Q6_K"),
        ("Hermes-Q6_K.part1of2.gguf", "Hermes-Q6_K"),
        ("Hermes-Q6_K_split_1.gguf", "Hermes-Q6_K"),
        ("Hermes-00001-of-00002 (1).gguf", "Hermes"),
        ("Hermes-00001-OF-00002.GGUF", "Hermes"),
        ("Hermes-00001-of-00001.gguf", "Hermes"),
        ("a b/x y.gguf", "a b/x y"),
        ("1-of-2.gguf", "model"),
    ],
)
def test_a_part_by_a_name_that_llama_cpp_does_not_take_gets_the_command_that_renames_it(name: str, base: str) -> None:
    with pytest.raises(ModelError) as caught:
        gguf_parts.Parts().add(part(0, 2), name=name)
    assert caught.value.exit_code == 8
    assert caught.value.message == f"{name} is part 1 of 2 under a name that llama.cpp does not accept"
    assert shlex.split(caught.value.hint.split("`")[1]) == ["mv", "-n", name, f"{base}-00001-of-00002.gguf"]
    assert "other parts" in caught.value.hint


def test_all_parts_that_lie_there_are_renamed_in_one_command() -> None:
    with pytest.raises(ModelError) as caught:
        gguf_parts.Parts().add(part(1, 2), name="b.gguf", others=lambda: {0: "a.gguf"})
    assert caught.value.hint == (
        "Rename them: `mv -n a.gguf b-00001-of-00002.gguf && mv -n b.gguf b-00002-of-00002.gguf`."
    )


def test_at_a_source_the_parts_are_renamed_after_the_download() -> None:
    with pytest.raises(ModelError, match="is part 1 of 3 under a name") as caught:
        gguf_parts.Parts(are_remote=True).add(part(0, 3), name="q/M-Q8_0.part1.gguf")
    assert caught.value.hint == (
        "Download all 3 parts into one folder, and rename them to M-Q8_0-00001-of-00003.gguf and so on."
    )


BIG: dict[str, tuple[str, tuple[int, ...]]] = {"t": ("f32", (100_000,))}


def whole(extra: dict[str, Value], tensors: dict[str, tuple[str, tuple[int, ...]]] = BIG) -> gguf.GgufFile:
    raw, size = header({"general.architecture": "llama", **extra}, tensors)
    return gguf.read(raw, size, name="x")


@pytest.mark.parametrize("behind", [b"GGUF", bytes(31) + b"GGUF"])
def test_a_gguf_behind_another_is_refused_whether_split_or_not(behind: bytes) -> None:
    joined, two = whole({"split.no": 0, "split.count": 3}), whole({})
    with pytest.raises(ModelError, match="joined by cat") as caught:
        gguf_parts.refuse_appended(joined, joined.size + 5000, behind, name="m.gguf")
    assert "llama-gguf-split" in caught.value.hint
    with pytest.raises(ModelError, match="another GGUF behind its first"):
        gguf_parts.refuse_appended(two, two.size + 5000, behind, name="m.gguf")


def test_at_a_source_joined_parts_show_by_their_size() -> None:
    joined = whole({"split.no": 0, "split.count": 3})
    with pytest.raises(ModelError, match="joined by cat"):
        gguf_parts.refuse_appended(joined, joined.size * 3, b"", name="m.gguf")


def test_a_file_much_larger_than_its_tensors_is_refused_with_the_size_that_is_used() -> None:
    found = whole({})
    gguf_parts.refuse_appended(found, found.size + 64_000, b"x", name="m.gguf")
    with pytest.raises(ModelError, match=f"{found.size * 2} bytes where {found.size} are used") as caught:
        gguf_parts.refuse_appended(found, found.size * 2, b"x", name="m.gguf")
    assert f"truncate -s {found.size} m.gguf" in caught.value.hint


def test_tensors_that_overlap_are_no_reason_to_cut_the_file() -> None:
    found = whole({})
    first = found.tensors[0]
    heap = replace(found, tensors=tuple(first._replace(offset=0) for _ in range(found.size // first.size + 1)))
    with pytest.raises(ModelError, match="its tensors overlap") as caught:
        gguf_parts.refuse_appended(heap, found.size * 2, b"x", name="m.gguf")
    assert "truncate" not in caught.value.hint


def test_data_behind_a_tensor_of_an_unknown_type_may_belong_to_it() -> None:
    found = whole({})
    strange = replace(found, tensors=(found.tensors[0]._replace(kind=999),))
    gguf_parts.refuse_appended(strange, found.size * 2, b"x", name="m.gguf")
