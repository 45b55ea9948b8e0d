"""The header of an entry is the one that its files have: tensors, cache, states and sizes."""

from dataclasses import fields, replace

import pytest

from stackctl.backends import llamacpp
from stackctl.core.catalogue.entry import Entry
from stackctl.core.catalogue.header import file_size, header, shape_of
from stackctl.core.fit import Shape, fit
from stackctl.core.fit.settings import Settings
from stackctl.core.model.shape import Layer
from tests.core.catalogue.shipped import CATALOGUE, entry
from tests.shapes import families

# an entry -> the same model in tests/shapes/families.jsonl, with the tensors that llama.cpp itself makes of its config
REAL = {
    "SmolLM3 3B": "smollm3-3b", "Gemma 4 E2B": "gemma4-e2b", "Gemma 4 E4B": "gemma4-e4b", "Gemma 4 12B": "gemma4-12b",
    "Gemma 4 26B-A4B": "gemma4-26b", "Gemma 4 31B": "gemma4-31b", "Qwen3.5 4B": "qwen35-4b", "Qwen3.5 9B": "qwen35-9b",
    "Qwen3.6 35B-A3B": "qwen35-35b", "Qwen3.5 122B-A10B": "qwen35-122b-mtp", "GLM-4.5 Air 106B-A12B": "glm45-air",
    "GLM-4.6 357B-A32B": "glm46-355b", "Qwen3 235B-A22B Instruct 2507": "qwen3-235b",
    "Mistral Nemo 12B Instruct": "nemo", "Mistral Small 3.2 24B Instruct": "mistral3-24b",
}  # fmt: skip
# who gives single tensors other types than llama.cpp's quantiser: the sums of these are fitted to the files that were
# seen, those of all others are computed
OTHER_MIXES = {
    "Gemma 4 E2B", "Gemma 4 E4B", "Gemma 4 12B", "Gemma 4 31B", "Artemis 31B v1.2", "Orion 26B-A4B v1.1",
    "Qwen3.6 35B-A3B", "Qwen3.5 122B-A10B", "Behemoth 128B v3",
}  # fmt: skip
SEEN = [(one.name, label) for one in CATALOGUE.entries for label, size in one.files.items() if size]
BYTES = {"weights", "experts", "largest", "largest_expert", "tensors"}  # of a layer, by the types of its tensors


def plain(one: Entry) -> Entry:
    """The same without the sizes that were seen."""
    return replace(one, files=dict.fromkeys(one.files, 0))


@pytest.mark.parametrize("one", CATALOGUE.entries, ids=lambda one: one.name)
def test_the_tensors_of_an_entry_have_its_parameters(one: Entry) -> None:
    assert shape_of(one, next(iter(one.files))).parameters / 1e9 == pytest.approx(one.billions, rel=0.015)


@pytest.mark.parametrize(("name", "label"), SEEN, ids=lambda one: one)
def test_the_tensors_of_an_entry_are_as_large_as_its_real_files(name: str, label: str) -> None:
    one = entry(name)
    assert header(one, label).size == pytest.approx(one.files[label], rel=0.03)
    assert file_size(one, label) == one.files[label]
    if name not in OTHER_MIXES:
        assert header(plain(one), label).size == pytest.approx(one.files[label], rel=0.03)


@pytest.mark.parametrize("name", REAL)
def test_the_layers_of_an_entry_are_those_that_llama_cpp_makes_of_the_model(name: str) -> None:
    real = families.shape(REAL[name])
    built = shape_of(_with_as_many_layers(plain(entry(name)), len(real.layers)), "Q4_K_M")
    assert [_structure(layer) for layer in built.layers] == [_structure(layer) for layer in real.layers]
    same = {one.name for one in fields(Shape)} - {
        "layers", "trained_context", "input", "output", "embedding_bytes", "parameters", "architecture", "rotated",
    }  # fmt: skip
    assert {key: getattr(built, key) for key in same} == {key: getattr(real, key) for key in same}


@pytest.mark.parametrize(
    "name",
    # those of the table whose types are by the rules of the quantiser: the tables of others are quantised coarser
    ["SmolLM3 3B", "Gemma 4 31B", "Qwen3.5 4B", "Qwen3.5 9B", "Qwen3.6 35B-A3B", "Qwen3.5 122B-A10B",
     "GLM-4.6 357B-A32B", "Qwen3 235B-A22B Instruct 2507", "Mistral Nemo 12B Instruct",
     "Mistral Small 3.2 24B Instruct"],
)  # fmt: skip
def test_the_bytes_of_each_layer_are_those_that_llama_cpps_quantiser_gives_it(name: str) -> None:
    real = families.shape(REAL[name])
    built = shape_of(_with_as_many_layers(plain(entry(name)), len(real.layers)), "Q4_K_M")
    assert built.weights == pytest.approx(real.weights, rel=0.01)
    assert (built.input, built.output) == pytest.approx((real.input, real.output), rel=1e-5)
    for ours, theirs in zip(built.layers, real.layers, strict=True):
        assert ours.weights == pytest.approx(theirs.weights, rel=0.06)  # small tensors have other types in old builds
        assert ours.experts == theirs.experts


def test_entries_of_one_family_have_one_shape() -> None:
    shapes = {one.family: replace(one.shape, tied=False, predicting_layers=0) for one in CATALOGUE.entries}
    for one in CATALOGUE.entries:
        mine = replace(one.shape, tied=False, predicting_layers=0)
        assert replace(mine, vocabulary=0) == replace(shapes[one.family], vocabulary=0), one.name


def _with_as_many_layers(one: Entry, count: int) -> Entry:
    """The same with the layers that predict further tokens, which only some of its files have."""
    return replace(one, shape=replace(one.shape, predicting_layers=count - one.shape.layers))


def _structure(layer: Layer) -> dict[str, object]:
    # where a value is the key, files have no tensor of it; llama.cpp's own table lists it as optional
    names = {weight.name for weight in layer.tensors} - {"attn_v", "nextn.embed_tokens", "nextn.shared_head_head"}
    return {
        **{one.name: getattr(layer, one.name) for one in fields(layer) if one.name not in BYTES},
        "names": names,
    }


@pytest.mark.parametrize(
    ("name", "label", "size"),
    # files of others than the entries' uploaders, made by llama.cpp's quantiser with an imatrix: what their lists say
    [("Qwen3.6 35B-A3B", "IQ3_XXS", 13.6), ("Qwen3.6 35B-A3B", "IQ3_M", 15.4), ("Qwen3.6 35B-A3B", "Q3_K_M", 16.8),
     ("Qwen3.6 35B-A3B", "IQ4_XS", 18.7), ("Qwen3.6 35B-A3B", "Q4_K_M", 21.2), ("Qwen3.6 35B-A3B", "Q5_K_M", 24.7),
     ("Qwen3.6 35B-A3B", "Q6_K", 28.5), ("Qwen3.6 35B-A3B", "Q8_0", 36.9), ("Llama 3.3 70B Instruct", "Q4_K_M", 42.52)],
)  # fmt: skip
def test_a_size_that_was_not_seen_is_that_of_llama_cpps_mix(name: str, label: str, size: float) -> None:
    one = plain(entry(name))
    one = replace(one, shape=replace(one.shape, predicting_layers=0))
    assert file_size(one, label) / 1e9 == pytest.approx(size, rel=0.01)


def test_whoever_gives_a_mix_more_bits_gives_them_to_those_that_were_not_seen_too() -> None:
    gemma = entry("Gemma 4 31B")
    more = gemma.files["Q4_K_M"] / file_size(plain(gemma), "Q4_K_M")
    assert more > 1.04
    assert file_size(gemma, "Q5_K_M") == pytest.approx(more * file_size(plain(gemma), "Q5_K_M"), rel=0.01)
    assert file_size(gemma, "Q8_0") == file_size(plain(gemma), "Q8_0")  # one type for all


@pytest.mark.parametrize(
    ("name", "cache", "state"),
    # values of a token's K and V in its layers, and of a state, by the models' config.json
    [
        ("Gemma 4 31B", 10 * 16384 * 2 * 4 * 512 + 50 * (1024 + 512) * 2 * 16 * 256, 0),  # a window and the micro-batch
        ("Qwen3.8 27B", 16 * 16384 * 2 * 4 * 256, 48 * (48 * 128 * 128 + 3 * 10240)),
        ("GLM-4.5 Air 106B-A12B", 46 * 16384 * 2 * 8 * 128, 0),
    ],
)
def test_the_cache_is_that_of_the_layers_that_have_one(name: str, cache: int, state: int) -> None:
    shape = shape_of(entry(name), "Q4_K_M")
    (gpu,) = fit(shape, Settings(context=16384, slots=1), llamacpp.MEMORY).devices
    assert gpu.kv_cache_mib == pytest.approx(cache * 2 / (1 << 20))
    assert gpu.state_mib == pytest.approx(state * 4 / (1 << 20), abs=0.01)


def test_gemma_4_31b_fits_a_card_of_24_gb_with_16384_tokens() -> None:
    shape = shape_of(entry("Gemma 4 31B"), "Q4_K_M")
    (gpu,) = fit(shape, Settings(context=16384, slots=1), llamacpp.MEMORY).devices
    assert 20 * 1024 < gpu.total_mib < 21.5 * 1024
