from dataclasses import replace

import pytest

from stackctl.core.hub.repository import Repo, choose_quantisation, quantisations
from stackctl.core.hub.source import RepoFile, Source
from stackctl.errors import ModelError


def repo(*names: str) -> Repo:
    files = tuple(RepoFile(name=name, size=(number + 1) * 10**9) for number, name in enumerate(names))
    return Repo(name="owner/name", commit="c0ffee", files=files)


def test_shards_are_one_and_what_is_no_model_is_left_out() -> None:
    found = quantisations(
        repo(
            "M-Q4_K_M.gguf",
            "M-Q8_0-00002-of-00002.gguf",
            "M-Q8_0-00001-of-00002.gguf",
            "mmproj-M-f16.gguf",
            "M.imatrix.gguf",
            "README.md",
            "pytorch_model.bin",
        )
    )
    assert [(one.label, [file.name for file in one.files]) for one in found] == [
        ("Q4_K_M", ["M-Q4_K_M.gguf"]),
        ("Q8_0", ["M-Q8_0-00001-of-00002.gguf", "M-Q8_0-00002-of-00002.gguf"]),
    ]
    assert found[1].size == 5 * 10**9


def test_safetensors_come_with_their_companions_and_never_with_pickles() -> None:
    (found,) = quantisations(
        repo(
            "config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "tokenizer.json",
            "chat_template.jinja", "pytorch_model.bin", "training_args.bin", "onnx/model.json", ".gitattributes",
            "model.safetensors.index.json",
        )
    )  # fmt: skip
    assert found.is_folder
    assert [file.name for file in found.files] == [
        "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "chat_template.jinja", "config.json",
        "model.safetensors.index.json", "tokenizer.json",
    ]  # fmt: skip


def test_the_one_that_is_named_is_chosen_and_the_only_one_without_a_name() -> None:
    two = repo("M-Q4_K_M.gguf", "M-Q8_0.gguf")
    assert choose_quantisation(two, Source(repo="owner/name", quant="q8_0")).label == "Q8_0"
    assert choose_quantisation(two, Source(repo="owner/name", file="M-Q4_K_M.gguf")).label == "Q4_K_M"
    assert choose_quantisation(repo("M-Q4_K_M.gguf"), Source(repo="owner/name")).label == "Q4_K_M"
    rounded = repo("M.i1-Q4_K_M.gguf", "M.i1-Q6_K.gguf")
    assert choose_quantisation(rounded, Source(repo="owner/name", quant="Q4_K_M")).files[0].name == "M.i1-Q4_K_M.gguf"


@pytest.mark.parametrize(
    ("names", "source", "says", "hint"),
    [
        (("M-Q4_K_M.gguf", "M-Q8_0.gguf"), Source(repo="owner/name"), "in 2 quantisations", "hf:owner/name:Q8_0"),
        (
            ("M-Q4_K_M.gguf", "M-Q8_0.gguf"),
            Source(repo="owner/name", quant="Q4_K_S"),
            "no Q4_K_S",
            "Use `hf:owner/name:Q4_K_M` if you meant that",
        ),
        (
            ("M-Q4_K_M.gguf",),
            Source(repo="owner/name", file="N-Q4_K_M.gguf"),
            "no model file",
            "Use `hf:owner/name/M-Q4_K_M.gguf` if you meant that",
        ),
        (
            ("a-Q4_0.gguf", "b-q40.gguf"),
            Source(repo="owner/name", revision="v1", quant="Q4_0"),
            "owner/name has 2 models at Q4_0",
            "Choose one of `hf:owner/name@v1/a-Q4_0.gguf`, `hf:owner/name@v1/b-q40.gguf`.",
        ),
        (
            ("a-Q4_0.gguf", "b-Q4_0.gguf", "b-Q8_0.gguf"),
            Source(repo="owner/name"),
            "hf:owner/name/a-Q4_0.gguf (1.0 GB), hf:owner/name/b-Q4_0.gguf (2.0 GB), Q8_0 (3.0 GB)",
            "for example `hf:owner/name/b-Q4_0.gguf`",
        ),
        (
            ("M-Q4_0.gguf", "mmproj-F16.gguf"),
            Source(repo="owner/name", quant="F16"),
            "mmproj-F16.gguf is not a chat model: it is a multimodal projector",
            "Choose one of Q4_0",
        ),
        (("mmproj-F16.gguf",), Source(repo="owner/name"), "mmproj-F16.gguf is not a chat model", "GGUF"),
        (("adapter_model.safetensors", "adapter_config.json"), Source(repo="owner/name"), "it is an adapter", "GGUF"),
        (
            ("M-IQ2_M.gguf", "M-smol-IQ2_KS.gguf"),
            Source(repo="owner/name", quant="IQ2_KS"),
            "no IQ2_KS",
            "Use `hf:owner/name:SMOL-IQ2_KS` if you meant that",
        ),
        (
            ("M-Q4_0.gguf", "Q8_0/M-00001-of-00003.gguf", "Q8_0/M-00003-of-00003.gguf"),
            Source(repo="owner/name", quant="Q8_0"),
            "owner/name lacks 1 of the 3 parts of Q8_0: Q8_0/M-00002-of-00003.gguf",
            "Choose one of Q4_0 (1.0 GB), or another repository: nothing was downloaded.",
        ),
        (
            ("M-Q8_0-00001-of-00002.gguf", "M-Q8_0-00002-of-00003.gguf"),
            Source(repo="owner/name", quant="Q8_0"),
            "lacks 1 of the 2 parts of Q8_0: M-Q8_0-00002-of-00002.gguf",
            "Choose another",
        ),
        (
            ("M-Q8_0-00001-of-00002.gguf", "M-Q8_0-00002-of-00003.gguf"),
            Source(repo="owner/name", file="M-Q8_0-00002-of-00003.gguf"),
            "lacks 2 of the 3 parts of Q8_0: M-Q8_0-00001-of-00003.gguf, M-Q8_0-00003-of-00003.gguf",
            "Choose another",
        ),
        (("pytorch_model.bin",), Source(repo="owner/name"), "PyTorch pickles", "GGUF"),
        (("m-Q4_0.gguf", "x.bin"), Source(repo="owner/name", file="x.bin"), "PyTorch pickle", ".gguf"),
        (("README.md",), Source(repo="owner/name"), "no model", "GGUF"),
        (("m.ggmlv3.q4_0.bin",), Source(repo="owner/name"), "only GGML models from before GGUF", "GGUF"),
        (("ggml-model-q4_0.bin",), Source(repo="owner/name", file="ggml-model-q4_0.bin"), "is a GGML model", "GGUF"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(
    names: tuple[str, ...], source: Source, says: str, hint: str
) -> None:
    with pytest.raises(ModelError) as caught:
        choose_quantisation(repo(*names), source)
    assert says in caught.value.message
    assert hint in caught.value.hint


def test_a_label_is_found_in_every_spelling_and_by_the_name_of_its_file() -> None:
    files = repo("M-7B_q6k.gguf", "M-7B_q4km.gguf", "M-7B-max_q4km.gguf", "M-7B_iq3xxs_imatrix.gguf")
    for quant, name in {
        "Q6_K": "M-7B_q6k.gguf", "iq3-xxs": "M-7B_iq3xxs_imatrix.gguf", "M-7B_q4km.gguf": "M-7B_q4km.gguf",
        "m-7b-max_q4km": "M-7B-max_q4km.gguf",
    }.items():  # fmt: skip
        assert choose_quantisation(files, Source(repo="owner/name", quant=quant)).files[0].name == name


def test_a_smaller_mix_stands_beside_the_one_of_its_type() -> None:
    both = repo("smol-IQ2_KS/M-smol-IQ2_KS-00001-of-00001.gguf", "IQ2_KS/M-IQ2_KS-00001-of-00001.gguf")
    for quant in ("IQ2_KS", "smol-IQ2_KS"):
        found = choose_quantisation(both, Source(repo="owner/name", quant=quant))
        assert found.files[0].name.startswith(f"{quant}/")


def test_what_is_likely_a_companion_is_not_offered_beside_a_model_and_chosen_if_it_is_named() -> None:
    files = repo("M-Q4_K_M.gguf", "M-MTP-Q8_0.gguf", "mmproj-F16.gguf", "imatrix.gguf")
    files = replace(files, files=tuple(replace(one, size=10**8) for one in files.files))
    assert choose_quantisation(files, Source(repo="owner/name")).label == "Q4_K_M"
    for named in (Source(repo="owner/name", quant="Q8_0"), Source(repo="owner/name", file="mmproj-F16.gguf")):
        assert choose_quantisation(files, named).files[0].name == (named.file or "M-MTP-Q8_0.gguf")


def test_a_model_with_the_name_of_a_companion_is_told_by_its_size_or_by_being_alone() -> None:
    sizes = {
        "hy3-1M-IQ2_M.gguf": 96,
        "hy3-1M-MTP-IQ2_M.gguf": 100,
        "hy3-1M-MTP-Q4_K_M.gguf": 182,
        "mtp-hy3-Q8_0.gguf": 7,
    }
    files = tuple(RepoFile(name=name, size=size * 10**9) for name, size in sizes.items())
    found = quantisations(Repo(name="owner/name", commit="c0ffee", files=files))
    assert [one.files[0].name for one in found] == list(sizes)[:3]
    assert len(quantisations(repo("Open-Assistant-Q4_0.gguf", "Open-Assistant-Q8_0.gguf"))) == 2


def test_a_folder_of_a_repository_is_as_a_repository_of_its_files() -> None:
    files = repo("Q4_K_M/M-Q4_K_M.gguf", "Q8_0/M-Q8_0.gguf", "Q8_0/README.md")
    assert choose_quantisation(files, Source(repo="owner/name", file="Q8_0")).files[0].name == "Q8_0/M-Q8_0.gguf"
    assert choose_quantisation(files, Source(repo="owner/name", file="Q8_0/")).label == "Q8_0"


def test_of_two_sets_with_one_name_the_complete_one_is_chosen() -> None:
    names = ("M-Q8_0-00001-of-00002.gguf", "M-Q8_0-00002-of-00002.gguf", "M-Q8_0-00003-of-00003.gguf")
    assert [file.name for file in choose_quantisation(repo(*names), Source(repo="o/n")).files] == list(names[:2])
