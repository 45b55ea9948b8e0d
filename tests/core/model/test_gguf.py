import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.core.model import demo_model, gguf
from stackctl.core.model.tensors import Tensor
from stackctl.errors import ModelError
from tests.shapes.header import header, size_of

DEMO = demo_model.gguf_bytes()
HUGE = 2**64 - 1


def string(raw: bytes) -> bytes:
    return struct.pack("<Q", len(raw)) + raw


def pair(key: bytes, kind: int, value: bytes) -> bytes:
    return string(key) + struct.pack("<I", kind) + value


def tensor(name: bytes, shape: tuple[int, ...], kind: int, offset: int) -> bytes:
    return string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def file(*parts: bytes, pairs: int = 0, tensors: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, pairs) + b"".join(parts)


def read(raw: bytes, size: int | None = None) -> gguf.GgufFile:
    return gguf.read(raw, len(raw) if size is None else size, name="x.gguf")


def refusal(raw: bytes, size: int | None = None) -> str:
    with pytest.raises(ModelError) as caught:
        read(raw, size)
    assert caught.value.exit_code == 8
    assert caught.value.hint
    assert caught.value.message.startswith("x.gguf ")
    return caught.value.message


def test_the_demo_model_says_what_it_is() -> None:
    header = gguf.header(read(DEMO))
    assert (header.format, header.architecture, header.title) == ("gguf", "llama", "stackctl demo")
    assert (header.trained_context, header.layers) == (demo_model.CONTEXT, 1)
    assert "<|im_start|>" in header.chat_template


def test_the_size_by_the_tensor_table_is_the_files_size() -> None:
    found = read(DEMO)
    assert (found.version, len(found.tensors), found.size) == (3, 12, len(DEMO))


def test_the_header_is_read_from_the_start_of_a_file_alone() -> None:
    assert gguf.header(read(DEMO[:20_000], len(DEMO))) == gguf.header(read(DEMO))


def test_a_memory_view_is_read_as_bytes_are() -> None:
    assert gguf.read(memoryview(DEMO), len(DEMO), name="x") == gguf.read(DEMO, len(DEMO), name="x")


@pytest.mark.parametrize("size", range(0, len(DEMO), 997))
def test_a_file_that_was_cut_is_refused(size: int) -> None:
    message = refusal(DEMO[:size])
    assert ("is cut short" in message) == (size > 3)


def test_one_byte_less_is_cut_and_more_is_fine() -> None:
    assert "is cut short" in refusal(DEMO[:-1])
    assert read(DEMO + b"\0" * 100).size == len(DEMO)


@pytest.mark.parametrize(
    ("start", "says"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n", "is a Git LFS pointer of 64 bytes"),
        (b"<!DOCTYPE html><html></html>", "is a web page"),
        (b"\n  <html><body>Not found</body>", "is a web page"),
        (b"PK\x03\x04" + b"\0" * 60, "is a zip archive"),
        (struct.pack("<Q", 40) + b'{"__metadata__":{}}' + b" " * 40, "is a safetensors file"),
        (b"", "is empty"),
        (b"\0" * 4096, "begins with zeros"),
        (b"FUGG\0\0\0\3", "is a big-endian GGUF"),
        (b"ggml", "is not a GGUF model"),
        (b"GGU", "is not a GGUF model"),
        (b"{", "is not a GGUF model"),
        (b"\0" * 8 + b"{", "is not a GGUF model"),
        (struct.pack("<II", 0x67676D6C, 32000), "is a GGML model from before GGUF"),
        (struct.pack("<II", 0x67676D66, 1), "is a GGML model from before GGUF"),
        (struct.pack("<II", 0x67676A74, 3), "is a GGML model from before GGUF"),
        (struct.pack("<II", 0x67676C61, 1), "is a LoRA adapter in the GGML format"),
        (struct.pack("<II", 0x6767736E, 1), "is a saved session"),
        (b"\x80\x02}q\0(X", "is a PyTorch pickle"),
        (bytes(257) + b"ustar\x0000", "is a tar archive"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "is a 7z archive"),
        (b"Rar!\x1a\x07\1\0", "is a RAR archive"),
        (b"\x1f\x8b\x08\x08", "is compressed with gzip"),
        (b"BZh91AY&SY", "is compressed with bzip2"),
        (b"\xfd7zXZ\0\0\4", "is compressed with xz"),
        (b"\x28\xb5\x2f\xfd\4", "is compressed with zstd"),
        (b"\x08\x07\x12\x07pytorch", "is an ONNX model"),
        (b"\x89HDF\r\n\x1a\n\0", "is an HDF5 file"),
        (b"\x1c\0\0\0TFL3", "is a TensorFlow Lite model"),
        (b"\x93NUMPY\1\0", "is an array of NumPy"),
        (b"\x7fELF\2\1\1", "is a program"),
        (b"MZqFpD='\n", "is a llamafile"),
        (b"\x89PNG\r\n", "is a picture"),
        (b"%PDF-1.7", "is a PDF"),
        (b"d8:announce35:udp://x", "is a torrent"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code>', "is a server's refusal"),
        (b'{"temperature": 0.7, "top_p": 1}', "is a text file"),
        (b"FROM ./model.gguf\nPARAMETER stop x\n", "is a text file"),
    ],
    ids=repr,
)
def test_what_is_no_gguf_is_named_for_what_it_is(start: bytes, says: str) -> None:
    assert says in refusal(start.ljust(64) if b"LFS" in start else start, 64 if b"git-lfs" in start else None)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (file(version=1), "GGUF version 1"),
        (file(version=4), "GGUF version 4"),
        (file(version=3 << 24), "is a big-endian GGUF"),
        (file(version=2 << 24), "is a big-endian GGUF"),
        (file(pairs=HUGE), "impossible number of metadata entries"),
        (file(tensors=HUGE), "impossible number of tensors"),
        (file(string(b"k" * 70_000), pairs=1), "impossible length of a key"),
        (file(string(b"k"), struct.pack("<I", 13), pairs=1), "impossible type of a value: 13"),
        (file(string(b"k"), struct.pack("<IIQ", 9, 9, 1), pairs=1), "impossible type of an array: 9"),
        (file(string(b"k"), struct.pack("<IIQ", 9, 8, HUGE), pairs=1), "impossible length of an array"),
        (file(string(b"k"), struct.pack("<IIQ", 9, 0, HUGE), pairs=1), "is cut short"),
        (file(struct.pack("<Q", HUGE), pairs=1), "is cut short"),
        (file(string(b"k"), struct.pack("<IQ", 8, HUGE), pairs=1), "is cut short"),
        (file(tensor(b"t", (1,) * 9, 0, 0), tensors=1), "impossible number of dimensions: 9"),
        (file(tensor(b"t", (HUGE,) * 8, 0, HUGE), tensors=1), "is cut short"),
        (file(pair(b"general.alignment", 4, struct.pack("<I", 0)), pairs=1), "impossible alignment"),
        (file(pair(b"general.alignment", 8, string(b"x")), pairs=1), "impossible alignment"),
    ],
)
def test_a_hostile_header_is_refused_in_words(raw: bytes, says: str) -> None:
    assert says in refusal(raw)


@pytest.mark.parametrize("version", [2, 3])
def test_every_type_of_value_is_read(version: int) -> None:
    numbers = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
    parts = [pair(b"n%d" % kind, kind, struct.pack("<" + code, 1)) for kind, code in numbers.items()]
    parts += [pair(b"text", 8, string("\u00fc\u3042".encode())), pair(b"bytes", 8, string(b"\xff\xfe"))]
    parts += [pair(b"list%d" % kind, 9, struct.pack("<IQ" + code, kind, 1, 1)) for kind, code in numbers.items()]
    parts += [pair(b"texts", 9, struct.pack("<IQ", 8, 2) + string(b"a") + string(b""))]
    found = read(file(*parts, pairs=len(parts), version=version))
    assert [found.metadata[f"n{kind}"] for kind in numbers] == [1] * len(numbers)
    assert (found.text("text"), found.text("bytes"), found.text("n4")) == ("\u00fc\u3042", "\ufffd\ufffd", "")
    assert (found.number("n10"), found.number("n7"), found.number("text"), found.number("no")) == (1, 0, 0, 0)
    assert found.metadata["texts"] is None
    assert found.size == len(file(*parts))


@pytest.mark.parametrize(
    ("kind", "values", "size"),
    [
        (0, 64, 256),
        (1, 64, 128),
        (2, 64, 36),
        (8, 64, 68),
        (12, 512, 288),
        (14, 512, 420),
        (30, 64, 128),
        (39, 64, 34),
        (40, 128, 72),
        (41, 256, 36),
        (42, 128, 36),
    ],
    ids=["f32", "f16", "q4_0", "q8_0", "q4_K", "q6_K", "bf16", "mxfp4", "nvfp4", "q1_0", "q2_0"],
)
def test_the_size_of_a_tensor_follows_from_its_type(kind: int, values: int, size: int) -> None:
    head = file(tensor(b"t", (values,), kind, 0), tensors=1)
    start = -(-len(head) // 32) * 32
    assert read(head.ljust(start + size, b"\0")).size == start + size
    assert "is cut short" in refusal(head.ljust(start + size - 1, b"\0"))


def test_a_type_from_the_future_takes_the_room_up_to_the_end_of_the_file() -> None:
    head = file(tensor(b"t", (64,), 999, 4096), tensors=1)
    start = -(-len(head) // 32) * 32
    assert "is cut short" in refusal(head)
    assert "is cut short" in refusal(head.ljust(start + 4096, b"\0"))
    assert read(head.ljust(start + 8192, b"\0")).tensors == (Tensor("t", (64,), 999, 4096, room=4096),)


@pytest.mark.parametrize("kind", ["iq4_kss", "q4_0_4_4"])
def test_a_type_whose_size_is_unknown_weighs_what_lies_between_its_offset_and_the_next(kind: str) -> None:
    table = {
        "a": (kind, (256, 8)),
        "b": ("f32", (64,)),
        "c": ("q8_0", (64,)),
        "d": (kind, (256, 3)),
        "e": (kind, (256,)),
    }
    raw, size = header({"general.architecture": "llama"}, table)
    found = gguf.read(raw.ljust(size, b"\0"), size, name="x")
    assert [one.size for one in found.tensors] == [
        -(-size_of(*one) // 32) * 32 if one[0] == kind else size_of(*one) for one in table.values()
    ]
    assert found.size == size


def test_tensors_that_lie_on_each_other_are_together_not_larger_than_the_file() -> None:
    offsets = (0, 64, 0, 1 << 10, 64, 32)
    head = file(*(tensor(b"%d" % at, (8,), 999, offset) for at, offset in enumerate(offsets)), tensors=len(offsets))
    start = -(-len(head) // 32) * 32
    found = read(head.ljust(start + 2048, b"\0"))
    assert [one.size for one in found.tensors] == [1, 1, 32, 1024, 960, 32]


@pytest.mark.parametrize("offset", [2048, 1 << 40, HUGE])
def test_a_type_whose_size_is_unknown_and_that_lies_behind_the_end_of_the_file_is_cut_short(offset: int) -> None:
    head = file(tensor(b"t", (8,), 999, 0), tensor(b"u", (8,), 999, offset), tensors=2)
    assert "is cut short" in refusal(head.ljust(-(-len(head) // 32) * 32 + 2048, b"\0"))


def test_weights_are_never_nothing_even_where_the_size_of_the_file_is_unknown() -> None:
    raw, _ = header({"general.architecture": "llama"}, {"a": ("iq4_kss", (256, 8))})
    found = gguf.read_start(raw, len(raw), name="x")
    assert found
    assert found.tensors[0].size == 256  # no type takes less than a bit for a value


def test_the_alignment_of_the_file_counts() -> None:
    head = file(pair(b"general.alignment", 4, struct.pack("<I", 4096)), tensor(b"t", (1,), 0, 0), pairs=1, tensors=1)
    assert read(head.ljust(5000, b"\0")).size == 4096 + 4


ATTACKS = st.one_of(
    st.binary(min_size=1, max_size=9),
    st.sampled_from([struct.pack("<Q", number) for number in (0, 1, 2**31, 2**32, 2**63 - 1, 2**63, HUGE)]),
)


@given(st.lists(st.tuples(st.integers(0, 12_000), ATTACKS), min_size=1, max_size=6), st.integers(0, 300_000))
def test_a_damaged_header_is_a_model_error_or_a_model_never_a_bug(damage: list[tuple[int, bytes]], size: int) -> None:
    raw = bytearray(DEMO[:14_000])
    for at, value in damage:
        raw[at : at + len(value)] = value
    try:
        found = read(bytes(raw), size)
    except ModelError:
        return
    assert found.size <= size


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_at_all_are_a_model_error_or_a_model(raw: bytes, as_gguf: bool) -> None:
    raw = b"GGUF" + struct.pack("<I", 3) + raw if as_gguf else raw
    try:
        gguf.header(read(raw))
    except ModelError as error:
        assert error.message.startswith("x.gguf ")  # noqa: PT017 - either end is right


def test_the_largest_vocabulary_that_is_accepted_is_read_to_its_end() -> None:
    words = file(string(b"k"), struct.pack("<IIQ", 9, 8, 4_000_000), bytes(8 * 4_000_000), pairs=1)
    assert read(words).size == len(words)


def test_random_damage_over_the_whole_header_ends_well() -> None:
    dice = random.Random(20)  # noqa: S311 - repeatable, not secret
    for _ in range(300):
        raw = bytearray(DEMO[:14_000])
        for _ in range(dice.randint(1, 20)):
            raw[dice.randrange(4, 14_000)] = dice.randrange(256)
        try:
            read(bytes(raw), len(DEMO))
        except ModelError:
            continue


def vocabulary(*tokens: bytes, **ids: int) -> bytes:
    """A file with these tokens, a chat template, and the numbers of its first and last token."""
    pairs = [
        pair(b"tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, len(tokens)) + b"".join(map(string, tokens))),
        pair(b"tokenizer.chat_template", 8, string(b"{{ x }}")),
        *(pair(f"tokenizer.ggml.{name}_token_id".encode(), 4, struct.pack("<I", one)) for name, one in ids.items()),
        pair(b"tokenizer.ggml.add_bos_token", 7, b"\0"),
    ]
    return file(*pairs, pairs=len(pairs))


def test_the_texts_of_the_first_and_the_last_token_are_those_of_the_vocabulary() -> None:
    found = gguf.header(read(vocabulary(b"<unk>", b"<s>", b"<|im_end|>", bos=1, eos=2)))
    assert (found.bos, found.eos, found.adds_bos) == ("<s>", "<|im_end|>", False)
    demo = gguf.header(read(DEMO))
    assert (demo.bos, demo.eos, demo.adds_bos) == ("<s>", "</s>", True)


@pytest.mark.parametrize("number", [3, 2**32 - 1])
def test_a_token_that_the_vocabulary_lacks_is_unknown(number: int) -> None:
    found = gguf.header(read(vocabulary(b"<unk>", b"<s>", b"x" * 9999, bos=number, eos=2)))
    assert (found.bos, found.eos) == ("", "x" * 200)
