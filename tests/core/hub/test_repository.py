import pytest

from stackctl.core.hub.repository import Repo, choose_quantisation, label, quantisations
from stackctl.core.hub.source import RepoFile, Source
from stackctl.errors import ModelError


def repo(*names: str) -> Repo:
    files = tuple(RepoFile(name=name, size=(number + 1) * 10**9) for number, name in enumerate(names))
    return Repo(name="owner/name", commit="c0ffee", files=files)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Model-7B-Q4_K_M.gguf", "Q4_K_M"),
        ("kunoichi-dpo-v2-7b.Q6_K.gguf", "Q6_K"),
        ("model.q8_0.gguf", "Q8_0"),
        ("Qwen3-8B-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("Model.i1-IQ3_XXS.gguf", "I1-IQ3_XXS"),
        ("gpt-oss-20b-MXFP4.gguf", "MXFP4"),
        ("Model-BF16.gguf", "BF16"),
        ("model-f16.gguf", "F16"),
        ("Llama-3.2-3B-Instruct-IQ4_XS.gguf", "IQ4_XS"),
        ("Q4_0_4_4/Model-Q4_0_4_4.gguf", "Q4_0_4_4"),
        ("BF16/Model-00001-of-00002.gguf", "BF16"),
        ("Q3-Coder-model.gguf", "Q3"),
        ("odd.gguf", "odd.gguf"),
    ],
)
def test_a_files_name_says_its_quantisation(name: str, says: str) -> None:
    assert label(name) == says


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
        (("a-Q4_0.gguf", "b-Q4_0.gguf"), Source(repo="owner/name", quant="Q4_0"), "2 models", "hf:owner/name/a-Q4_0"),
        (("pytorch_model.bin",), Source(repo="owner/name"), "PyTorch pickles", "GGUF"),
        (("m-Q4_0.gguf", "x.bin"), Source(repo="owner/name", file="x.bin"), "PyTorch pickle", ".gguf"),
        (("README.md",), Source(repo="owner/name"), "no model", "GGUF"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(
    names: tuple[str, ...], source: Source, says: str, hint: str
) -> None:
    with pytest.raises(ModelError) as caught:
        choose_quantisation(repo(*names), source)
    assert says in caught.value.message
    assert hint in caught.value.hint


def test_a_folder_of_a_repository_names_the_model_in_it() -> None:
    offered = repo(
        "M-Q4_K_M.gguf", "Q8/M-Q8_0-00001-of-00002.gguf", "Q8/M-Q8_0-00002-of-00002.gguf", "two/a-Q4_0.gguf",
        "two/b-Q4_0.gguf",
    )  # fmt: skip
    found = choose_quantisation(offered, Source(repo="owner/name", file="Q8"))
    assert [file.name for file in found.files] == ["Q8/M-Q8_0-00001-of-00002.gguf", "Q8/M-Q8_0-00002-of-00002.gguf"]
    with pytest.raises(ModelError, match="two in owner/name holds 2 models: Q4_0") as caught:
        choose_quantisation(offered, Source(repo="owner/name", file="two"))
    assert "`hf:owner/name/two/a-Q4_0.gguf`" in caught.value.hint
