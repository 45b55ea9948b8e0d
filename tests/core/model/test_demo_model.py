"""The demo model, decoded here by hand: whatever the prompt, it says its sentence."""

import struct
from array import array
from functools import cache

from stackctl.core.model import demo_model, gguf

DEMO = demo_model.gguf_bytes()


class Cursor:
    """Reads little-endian values one after another."""

    def __init__(self, raw: bytes, at: int = 0) -> None:
        self.raw, self.at = raw, at

    def take(self, code: str) -> int:
        found: int = struct.unpack_from("<" + code, self.raw, self.at)[0]
        self.at += struct.calcsize("<" + code)
        return found

    def text(self) -> str:
        size = self.take("Q")
        self.at += size
        return self.raw[self.at - size : self.at].decode()


@cache
def tensors() -> dict[str, tuple[tuple[int, ...], "array[float]"]]:
    """Name -> (shape, values), found by the table that ends where the data begins."""
    cursor = Cursor(DEMO, DEMO.index(b"token_embd.weight") - 8)
    table = []
    for _ in gguf.read(DEMO, len(DEMO), name="demo").tensors:
        name = cursor.text()
        shape = tuple(cursor.take("Q") for _ in range(cursor.take("I")))
        assert cursor.take("I") == 0  # f32
        table.append((name, shape, cursor.take("Q")))
    start = -(-cursor.at // 32) * 32
    found = {}
    for name, shape, offset in table:
        values = array("f")
        count = 1
        for axis in shape:
            count *= axis
        values.frombytes(DEMO[start + offset : start + offset + 4 * count])
        found[name] = (shape, values)
    return found


@cache
def vocabulary() -> tuple[str, ...]:
    cursor = Cursor(DEMO, DEMO.index(b"tokenizer.ggml.tokens") + len("tokenizer.ggml.tokens"))
    assert (cursor.take("I"), cursor.take("I")) == (9, 8)  # an array of texts
    return tuple(cursor.text() for _ in range(cursor.take("Q")))


def row(name: str, index: int) -> list[float]:
    shape, values = tensors()[name]
    return list(values[index * shape[0] : (index + 1) * shape[0]])


def next_token(token: int) -> int:
    """The most likely token after one: RMS norm of its embedding, times the output matrix."""
    hidden = row("token_embd.weight", token)
    scale = (sum(x * x for x in hidden) / len(hidden) + 1e-5) ** -0.5
    scores = [
        sum(x * scale * w for x, w in zip(hidden, row("output.weight", other), strict=True))
        for other in range(len(vocabulary()))
    ]
    best = max(scores)
    assert best - max(score for score in scores if score != best) > 50  # no sampler takes another
    assert scores.count(best) == 1
    return scores.index(best)


def test_it_is_under_300_kb_and_always_the_same() -> None:
    assert len(DEMO) < 300_000
    assert demo_model.gguf_bytes() == DEMO


def test_the_pieces_are_unique_and_make_the_sentence() -> None:
    assert len(set(demo_model.PIECES)) == len(demo_model.PIECES)
    assert "".join(demo_model.PIECES) == demo_model.SENTENCE
    assert len(demo_model.PIECES) < demo_model.WIDTH


def test_the_sentence_says_what_it_is_and_what_to_run() -> None:
    assert "demo model" in demo_model.SENTENCE
    assert "stackctl deploy --model" in demo_model.SENTENCE
    assert not demo_model.SENTENCE.isascii()  # a proxy that spoils character sets must show


def test_the_vocabulary_holds_the_special_tokens_every_byte_and_the_pieces() -> None:
    words = vocabulary()
    assert words[:3] == ("<unk>", "<s>", "</s>")
    assert words[3:259] == tuple(f"<0x{byte:02X}>" for byte in range(256))
    assert "".join(words[259:]).replace("\u2581", " ") == demo_model.SENTENCE
    assert len(set(words)) == len(words)


def test_attention_and_feed_forward_do_nothing_and_norms_are_one() -> None:
    for name, (_, values) in tensors().items():
        if name.endswith("norm.weight"):
            assert set(values) == {1.0}, name
        elif name.startswith("blk."):
            assert set(values) == {0.0}, name


def test_every_embedding_is_one_hot() -> None:
    for token in range(len(vocabulary())):
        assert sorted(row("token_embd.weight", token))[-2:] == [0.0, 1.0]


def test_any_prompt_leads_to_the_first_piece() -> None:
    words = vocabulary()
    first = words.index(demo_model.PIECES[0].replace(" ", "\u2581"))
    assert {next_token(token) for token in (0, 1, 2, 3, 100, 258)} == {first}
    assert len({tuple(row("token_embd.weight", token)) for token in range(259)}) == 1


def test_from_the_first_piece_it_says_the_sentence_and_stops() -> None:
    words = vocabulary()
    token, said = next_token(1), []
    while words[token] != "</s>":
        said.append(words[token].replace("\u2581", " "))
        token = next_token(token)
    assert tuple(said) == demo_model.PIECES
