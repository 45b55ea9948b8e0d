"""Models that are not there, not readable, or not models: refused before anything is written or started."""

import os

import pytest

from stackctl.core.model.demo_model import gguf_bytes
from tests.e2e.conftest import Stack
from tests.e2e.failing import dies, evidence, files, hint, ids

pytestmark = pytest.mark.engine
WHOLE = gguf_bytes()
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 4920000000\n"
AGAIN = "download it again"


@pytest.mark.parametrize(
    ("content", "says", "advice"),
    [
        pytest.param(WHOLE[:200_000], f"is cut short: 200000 bytes of at least {len(WHOLE)}", AGAIN, id="truncated"),
        pytest.param(WHOLE[:500], "is cut short: its header ends after 500 bytes", AGAIN, id="truncated-header"),
        pytest.param(b"\x93\x11" * 3000, "is not a GGUF model", "take a .gguf file", id="garbage"),
        pytest.param(POINTER, "is a Git LFS pointer of 75 bytes", "git lfs pull", id="lfs"),
        pytest.param(b"<!DOCTYPE html>\n<html>", "is a web page, not a GGUF", "/resolve/, not /blob/", id="page"),
        pytest.param(b"PK\x03\x04" + bytes(600), "is a zip archive", "take a .gguf file", id="zip"),
        pytest.param(b"", "is empty", "", id="empty"),
        pytest.param(bytes(4096), "begins with zeros: space was reserved for it", "", id="zeros"),
    ],
)
def test_a_file_that_is_no_model_is_called_what_it_is(stack: Stack, content: bytes, says: str, advice: str) -> None:
    (stack.folder / "model.gguf").write_bytes(content)
    said = stack.fails(8, "deploy", "--images", "own", "--model", "model.gguf")
    assert f"model.gguf {says}" in said
    assert advice in hint(said)
    assert files(stack) == ["model.gguf"]
    assert ids(stack) == []


def test_a_missing_model_names_its_neighbours(stack: Stack) -> None:
    for name in ("my-model-Q4.gguf", "other.gguf"):
        (stack.folder / name).write_bytes(WHOLE)
    said = stack.fails(8, "deploy", "--images", "own", "--model", "my-model-Q5.gguf")
    assert f"there is no model at {stack.folder}/my-model-Q5.gguf" in said
    assert "in that folder: my-model-Q4.gguf, other.gguf" in hint(said)


def test_a_model_on_a_share_that_is_not_mounted_says_so(stack: Stack) -> None:
    said = stack.fails(8, "deploy", "--images", "own", "--model", str(stack.folder / "nas" / "model.gguf"))
    assert f"{stack.folder}/nas does not exist either; is the disk or share mounted?" in hint(said)


def test_a_link_that_leads_nowhere_is_said(stack: Stack) -> None:
    (stack.folder / "model.gguf").symlink_to("../blobs/0f3c")
    said = stack.fails(8, "deploy", "--images", "own", "--model", "model.gguf")
    assert "there is no model at" in said


def test_a_model_that_its_owner_may_not_read_says_how_to_change_that(stack: Stack) -> None:
    model = stack.folder / "model.gguf"
    model.write_bytes(WHOLE)
    model.chmod(0)
    os.chown(model, 4321, 4321)
    said = stack.fails(8, "deploy", "--images", "own", "--model", "model.gguf")
    assert "model.gguf can't be read by user 4321, its model's owner, who runs the backend" in said
    assert f"chmod u+r,g+r {model}" in hint(said)
    assert files(stack) == ["model.gguf"]


def test_a_folder_with_two_models_asks_which(stack: Stack) -> None:
    folder = stack.folder / "models"
    folder.mkdir()
    for name in ("a.gguf", "b.gguf"):
        (folder / name).write_bytes(WHOLE)
    said = stack.fails(8, "deploy", "--images", "own", "--model", "models")
    assert f"{folder} holds 2 models" in said
    assert f"name one: {folder}/a.gguf, {folder}/b.gguf" in hint(said)


def test_a_split_model_with_a_part_missing_names_that_part(stack: Stack) -> None:
    (stack.folder / "big-00001-of-00003.gguf").write_bytes(WHOLE)
    (stack.folder / "big-00003-of-00003.gguf").write_bytes(WHOLE)
    said = stack.fails(8, "deploy", "--images", "own", "--model", "big-00001-of-00003.gguf")
    assert "is one of 3 parts, and 1 are missing" in said
    assert "big-00002-of-00003.gguf" in said
    assert "put all parts into one folder" in hint(said)


@pytest.mark.parametrize(
    ("names", "says", "advice"),
    [
        pytest.param(("pytorch_model.bin", "config.json"), "holds PyTorch pickles", ".safetensors", id="pickles"),
        pytest.param(("README.md",), "holds no model", "one .gguf file", id="nothing"),
        pytest.param(
            ("config.json", "model.safetensors"), "llama.cpp can't load safetensors models", ".gguf", id="safetensors"
        ),
    ],
)
def test_a_folder_without_a_model_that_the_backend_loads_is_refused(
    stack: Stack, names: tuple[str, ...], says: str, advice: str
) -> None:
    folder = stack.folder / "model"
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes((b"\2" + bytes(7) if name.endswith(".safetensors") else b"") + b"{}")
    said = stack.fails(8, "deploy", "--images", "own", "--model", "model")
    assert says in said
    assert advice in hint(said)


def test_a_model_whose_architecture_the_backend_does_not_know_is_said_with_its_line(stack: Stack) -> None:
    (stack.folder / "new.gguf").write_bytes(WHOLE.replace(b"llama", b"llamz"))
    said = dies(stack, "llamacpp", 8, "--model", "new.gguf")
    assert "this version of the backend does not know the model's architecture" in said
    assert any("unknown model architecture: 'llamz'" in line for line in evidence(said))
    assert "take a newer image (backend.image) or another model" in hint(said)


def test_a_model_that_lacks_a_tensor_fails_with_the_backends_own_words(stack: Stack) -> None:
    (stack.folder / "odd.gguf").write_bytes(WHOLE.replace(b"output_norm.weight", b"output_narm.weight"))
    said = dies(stack, "llamacpp", 8, "--model", "odd.gguf")
    assert any("output_norm" in line for line in evidence(said))
