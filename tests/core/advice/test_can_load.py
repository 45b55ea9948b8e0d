"""What a build does not know is told by a model's header, with the way to a build that knows it."""

from itertools import pairwise
from pathlib import Path

import pytest

import stackctl
from stackctl import backends
from stackctl.backends.contract import Backend
from stackctl.backends.loadable import loadable
from stackctl.core.advice import can_load
from stackctl.core.catalogue.entry import FILE
from stackctl.core.catalogue.parse import parse
from stackctl.core.model.ggml_types import type_name
from stackctl.core.model.model import Header
from stackctl.errors import ModelError

LLAMACPP, KOBOLDCPP, TEXTGEN = backends.BACKENDS.values()


def gguf(
    architecture: str = "llama", kind: str = "gpt2", pre: str = "llama-bpe", types: tuple[int, ...] = (0, 12)
) -> Header:
    return Header(format="gguf", architecture=architecture, layers=32, tokenizer_kind=kind, tokenizer=pre, types=types)


def refusal(header: Header, backend: Backend = LLAMACPP, build: str = "b9191") -> ModelError:
    with pytest.raises(ModelError) as caught:
        can_load.refuse_unloadable(header, "m.gguf", backend, build)
    assert caught.value.exit_code == 8
    return caught.value


@pytest.mark.parametrize("backend", [LLAMACPP, KOBOLDCPP], ids=lambda one: str(one.NAME))
def test_there_is_a_list_with_its_source_for_every_build(backend: Backend) -> None:
    for build in backend.BUILDS:
        known = loadable(backend.NAME, build)
        assert known, build
        assert known.source
        assert {"llama", "qwen3", "gemma4", "gpt-oss"} <= known.architectures
        assert {"llama", "gpt2"} <= known.tokenizers
        assert {"llama-bpe", "qwen2", "tekken"} <= known.splitters
        assert {"F32", "Q4_K", "IQ4_XS", "MXFP4"} <= known.types
        assert not can_load.lacking(gguf(), backend, build)


def test_a_newer_build_of_llama_cpp_loads_all_that_an_older_one_does() -> None:
    lists = [known for build in LLAMACPP.BUILDS if (known := loadable("llamacpp", build))]
    for older, newer in pairwise(lists):
        for one in ("architectures", "tokenizers", "splitters", "types"):
            assert getattr(older, one) <= getattr(newer, one)


def test_an_architecture_that_no_build_knows_is_loaded_by_none() -> None:
    for backend in backends.BACKENDS.values():
        error = refusal(gguf("foo-2027"), backend, can_load.chosen_build(backend))
        assert error.message == "m.gguf can't be loaded: no build known to stackctl loads the architecture foo-2027"
    assert all(one.why_not for one in can_load.verdicts(gguf("foo-2027")))


@pytest.mark.parametrize(
    ("header", "lacks"),
    [
        (gguf(""), "models whose header names no architecture"),
        (gguf("a" * 99_999), f"the architecture {'a' * 30}…{'a' * 29}"),
        (gguf("\x1b[31ml\nl"), "the architecture l l"),
        (gguf(kind="x" * 99), f"the tokenizer {'x' * 30}…{'x' * 29}"),
        (gguf(pre="y" * 99), f"the pre-tokenizer {'y' * 30}…{'y' * 29}"),
    ],
)
def test_what_no_program_loads_is_said_in_one_short_line(header: Header, lacks: str) -> None:
    error = refusal(header, LLAMACPP, can_load.chosen_build(LLAMACPP))
    assert error.message == f"m.gguf can't be loaded: no build known to stackctl loads {lacks}"
    assert error.hint
    assert all(one.why_not for one in can_load.verdicts(header))


@pytest.mark.parametrize(
    ("header", "lacks"),
    [
        (gguf("muse-glimmer"), "the architecture muse-glimmer"),
        (gguf(kind="hybriddna"), "the tokenizer hybriddna"),
        (gguf(pre="hy_v4"), "the pre-tokenizer hy_v4"),
        (gguf(types=(0, 42)), "tensors of type Q2_0"),
    ],
)
def test_what_an_old_build_lacks_is_named_with_the_least_build_that_has_it(header: Header, lacks: str) -> None:
    error = refusal(header)
    assert error.message == f"llama.cpp b9191 can't load m.gguf: it does not know {lacks}"
    chosen = can_load.chosen_build(LLAMACPP)
    assert error.hint.startswith("Run `stackctl deploy --new-images`; if that keeps b9191, set")
    assert f"llama.cpp {chosen} loads this model" in error.hint
    assert "b11277 on" in error.hint


def test_a_model_that_another_backend_loads_leads_there() -> None:
    error = refusal(gguf("muse-glimmer"), KOBOLDCPP, "1.122.1")
    assert error.hint.startswith("Use `--backend llamacpp`")


def test_a_build_that_has_an_older_ones_list_may_load_what_that_one_does_not() -> None:
    error = refusal(gguf("muse-glimmer"), KOBOLDCPP, "1.122.1")
    assert error.message == (
        "KoboldCpp 1.122.1 may not load m.gguf: 1.115.1, the nearest older build that stackctl has a list of, "
        "does not know the architecture muse-glimmer"
    )
    assert error.hint.endswith("Or try it with `stackctl deploy --force`.")


def test_a_model_that_only_a_build_loads_which_is_not_the_usual_one_leads_to_it() -> None:
    error = refusal(gguf("k2-horizon"), LLAMACPP, can_load.chosen_build(LLAMACPP))
    assert '`backend.build = "debian"`' in error.hint
    error = refusal(gguf("k2-horizon"), KOBOLDCPP, "1.122.1")
    assert '`backend.kind = "llamacpp"` and `backend.build = "debian"`' in error.hint


@pytest.mark.parametrize("kind", [4, 31, 36, 97, 146, 344, 999])
def test_a_type_that_llama_cpp_lacks_is_refused_by_its_name(kind: int) -> None:
    error = refusal(gguf(types=(0, kind)))
    assert error.message.endswith(f"no build known to stackctl loads tensors of {type_name(kind)}")
    assert "another quantisation" in error.hint


def test_the_names_of_types_say_whose_they_are() -> None:
    assert type_name(146) == "type 146 (IQ4_KSS of ik_llama.cpp)"
    assert type_name(31) == "type 31 (Q4_0_4_4, which llama.cpp has removed)"
    assert (type_name(40), type_name(999)) == ("NVFP4", "type 999")


def test_a_tokenizer_without_merges_needs_no_known_pre_tokenizer() -> None:
    assert not can_load.lacking(gguf(kind="llama", pre="from-the-future"), LLAMACPP, "b9191")
    assert can_load.lacking(gguf(pre="from-the-future"), LLAMACPP, "b9191")


def test_of_a_program_of_an_unknown_build_only_what_none_loads_is_refused() -> None:
    can_load.refuse_unloadable(gguf("k2-horizon"), "m.gguf", TEXTGEN, "")
    with pytest.raises(ModelError, match="it is not known whether its image knows") as caught:
        can_load.refuse_doubtful(gguf("k2-horizon"), "m.gguf", TEXTGEN)
    assert "debian" in caught.value.hint
    verdict = {one.backend: one.why_not for one in can_load.verdicts(gguf("k2-horizon"))}
    assert "it is not known" in verdict["text-generation-webui"]
    assert not any(one.why_not for one in can_load.verdicts(gguf()))


def test_a_model_that_no_new_stack_may_load_is_refused_before_its_download() -> None:
    can_load.refuse_unknown(gguf("muse-glimmer"), "m.gguf")
    with pytest.raises(ModelError, match="no build known to stackctl"):
        can_load.refuse_unknown(gguf(types=(146,)), "m.gguf")


def test_safetensors_are_not_judged_by_the_lists() -> None:
    assert not can_load.lacking(Header(format="safetensors", architecture="FooForCausalLM"), LLAMACPP, "b9191")


def test_every_model_of_the_catalogue_is_loaded_by_every_new_stack() -> None:
    text = (Path(stackctl.__file__).parent / FILE).read_text(encoding="utf-8")
    for entry in parse(text).entries:
        assert not any(one.why_not for one in can_load.verdicts(entry.header))
