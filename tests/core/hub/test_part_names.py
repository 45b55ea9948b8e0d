from stackctl.core.hub.part_names import SHOWN, gguf_sets, stem_of


def test_the_parts_of_one_model_are_one_set_in_their_order() -> None:
    (found,) = gguf_sets(["a/M-00002-of-00002.gguf", "a/M-00001-of-00002.gguf", "a/config.json"])
    assert found.names == ("a/M-00001-of-00002.gguf", "a/M-00002-of-00002.gguf")
    assert (found.stem, found.count, found.missing) == ("a/M", 2, ())


def test_a_set_names_the_parts_that_it_lacks() -> None:
    (found,) = gguf_sets(["M-00002-of-00004.GGUF"])
    assert found.missing == ("M-00001-of-00004.GGUF", "M-00003-of-00004.GGUF", "M-00004-of-00004.GGUF")
    assert found.count == 4
    (many,) = gguf_sets(["M-00001-of-00030.gguf"])
    assert many.gap.count(".gguf") == SHOWN
    assert many.gap.endswith("and 17 more")


def test_parts_of_different_counts_are_two_sets_of_which_a_complete_one_counts() -> None:
    both = ["M-00001-of-00002.gguf", "M-00002-of-00003.gguf"]
    assert [one.missing for one in gguf_sets(both)] == [
        ("M-00002-of-00002.gguf",), ("M-00001-of-00003.gguf", "M-00003-of-00003.gguf"),
    ]  # fmt: skip
    (whole,) = gguf_sets([*both, "M-00002-of-00002.gguf"])
    assert (whole.count, whole.missing) == (2, ())


def test_a_name_that_is_only_like_a_parts_is_a_whole_file() -> None:
    assert [one.missing for one in gguf_sets(["M-1-of-2.gguf", "M-00001-of-00000.gguf"])] == [(), ()]
    assert stem_of("x/M-Q4_K_M.GGUF") == "x/M-Q4_K_M"
