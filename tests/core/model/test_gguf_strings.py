"""Stepping over strings: exactly where a plain walk ends, for any lengths, and never past the buffer."""

import struct
from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.core.model import gguf_strings

# mostly short, as pieces of a vocabulary are; some long; zeros, which look like a length
LENGTHS = st.lists(st.one_of(st.integers(0, 20), st.integers(60, 70), st.integers(0, 3_000)), max_size=20)


def array(lengths: list[int], filling: bytes) -> bytes:
    return b"".join(struct.pack("<Q", length) + filling * length for length in lengths)


@given(lengths=LENGTHS, times=st.integers(0, 150), filling=st.sampled_from([b"o", b"\0", b"\n", b"\xff"]))
def test_the_end_is_where_a_walk_ends(lengths: list[int], times: int, filling: bytes) -> None:
    raw = array(lengths * times, filling)
    for behind in (b"", b"\0" * 900, b"\xff" * 900):
        assert gguf_strings.skip_strings(memoryview(b"head" + raw + behind), 4, len(lengths) * times) == 4 + len(raw)


@given(count=st.sampled_from([1, 64, 300, 1023, 1024, 1025, 1100, 2000]), length=st.integers(0, 80), data=st.data())
def test_an_array_that_is_cut_is_told(count: int, length: int, data: st.DataObject) -> None:
    raw = array([length] * count, b"\0")
    cut = data.draw(st.integers(0, len(raw) - length - 1))  # the last string's length is not whole
    with pytest.raises(struct.error):
        gguf_strings.skip_strings(memoryview(raw[:cut]), 0, count)


@pytest.mark.parametrize("lie", [2**64 - 1, 2**63 - 1, 2**63, 2**62, 2**32, 10_000])
@pytest.mark.parametrize("before", [0, 1, 63, 64, 200])
def test_a_length_that_lies_ends_at_once(lie: int, before: int) -> None:
    raw = array([7] * before, b"o") + struct.pack("<Q", lie) + b"x" * 5_000
    for more in (1, 100, 4_000_000):
        with pytest.raises(struct.error):
            gguf_strings.skip_strings(memoryview(raw), 0, before + 1 + more)


def test_one_text_behind_the_buffer_is_left_to_the_reader() -> None:
    for count in (64, 6400):
        raw = array(list(repeat(7, count)), b"o")
        assert gguf_strings.skip_strings(memoryview(raw[:-3]), 0, count) == len(raw)
