"""Model files and folders that mean harm: read by `inspect`, `fit` and `deploy`, they end in an error of ours."""

import json
import os
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from stackctl.cli import main
from stackctl.commands.models.inspect import inspect
from stackctl.core.model import shards
from stackctl.errors import ModelError, StackctlError
from tests.commands.doors import doors, refusals
from tests.commands.machines import quiet
from tests.shapes.header import Value, header, sparse

SMALL = {"blk.0.attn_k.weight": ("q8_0", (64, 64)), "output_norm.weight": ("f32", (64,))}
LLAMA: dict[str, Value] = {"general.architecture": "llama", "llama.block_count": 2}
HEAD = b'{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}'
WEIGHTS = struct.pack("<Q", len(HEAD)) + HEAD + b"\0" * 4


def through_every_door(path: Path) -> None:
    """A result, or an error of ours."""
    for door in doors(path):
        with suppress(StackctlError):
            door()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e300, 0.5])
def test_counts_per_layer_that_are_no_whole_numbers_are_a_damaged_header(tmp_path: Path, value: float) -> None:
    raw = struct.pack("<IIQ2d", 9, 12, 2, value, value)
    for name in ("llama.attention.head_count_kv", "llama.feed_forward_length"):
        key = struct.pack("<Q", len(name)) + name.encode()
        whole, _ = header(LLAMA, SMALL)
        start = whole.index(struct.pack("<Q", 20) + b"general.architecture")
        content = whole[:16] + struct.pack("<Q", 3) + key + raw + whole[start:] + b"\0" * 9000
        path = tmp_path / "m.gguf"
        path.write_bytes(content)
        assert all(f"{name} should be whole numbers" in said for said in refusals(path))


def test_a_number_of_thousands_of_digits_in_a_tensors_name_is_a_name(tmp_path: Path) -> None:
    tensors = {**SMALL, f"blk.{'9' * 5000}.attn_k.weight": ("f32", (64,)), "blk.\u0663.x": ("f32", (64,))}
    path = sparse(tmp_path / "m.gguf", LLAMA, tensors)
    assert inspect(quiet(tmp_path).machine, str(path), force=False).parameters == 64 * 64 + 3 * 64
    through_every_door(path)


def folder(path: Path) -> Path:
    path.mkdir()
    (path / "config.json").write_text('{"num_hidden_layers": 2}')
    (path / "model.safetensors").write_bytes(WEIGHTS)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "model.safetensors",
        "model.safetensors.index.json",
        "tokenizer_config.json",
        "chat_template.jinja",
    ],
)
@pytest.mark.parametrize("kind", ["pipe", "device", "loop", "folder"])
def test_what_is_no_file_in_a_folder_is_said_and_never_waited_for(tmp_path: Path, name: str, kind: str) -> None:
    path = folder(tmp_path / "model")
    (path / name).unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path / name)
        assert all(f"{path / name} is a pipe, not a file" in said for said in refusals(path))
    elif kind == "device":
        (path / name).symlink_to("/dev/zero")
        assert all(f"{path / name} is a device, not a file" in said for said in refusals(path))
    elif kind == "loop":
        (path / name).symlink_to(path / name)
        through_every_door(path)
    else:
        (path / name).mkdir()
        through_every_door(path)


@pytest.mark.parametrize("name", ["model.gguf", "model.safetensors", "pytorch_model.bin"])
def test_a_pipe_by_a_models_name_is_said(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    assert all("is a pipe, not a file" in said for said in refusals(tmp_path / name))
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "folder" / name)
    through_every_door(tmp_path / "folder")


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n"
PAGE = b"<!DOCTYPE html><html></html>"
NO_FILES = {
    "lfs": (POINTER, "is a Git LFS pointer"),
    "page": (PAGE, "is a web page"),
    "zeros": (bytes(600), "begins with zeros"),
    "empty": (b"", "is empty"),
}


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer_config.json", shards.FILE])
@pytest.mark.parametrize(("content", "says"), NO_FILES.values(), ids=NO_FILES)
def test_a_file_of_a_folder_that_is_something_else_is_told_by_its_name(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    path = folder(tmp_path / "model")
    (path / name).write_bytes(content)
    assert all(said.startswith(f"{path / name} {says}") for said in refusals(path))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.gguf"])
@pytest.mark.parametrize(("content", "says"), NO_FILES.values(), ids=NO_FILES)
def test_what_is_no_pickle_is_not_called_one(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert all(said.startswith(f"{tmp_path / name} {says}") for said in refusals(tmp_path / name))


def test_a_gguf_by_another_name_is_one(tmp_path: Path) -> None:
    path = sparse(tmp_path / "ggml-model.bin", LLAMA, SMALL)
    assert inspect(quiet(tmp_path).machine, str(path), force=False).format == "GGUF 3"


def test_a_config_that_is_damaged_or_absurd_is_said(tmp_path: Path) -> None:
    path = folder(tmp_path / "model")
    for content, says in (
        ("{", "is damaged: it is no JSON"),
        ("[]", "is damaged: it is no table"),
        ('{"a":[' + "0," * 200_000 + "0]}", "more entries than are read"),
        (" " * (3 << 20) + "{}", "is longer than any model's"),
    ):
        (path / "config.json").write_text(content)
        assert all(says in said for said in refusals(path))


def indexed(path: Path, names: Iterable[str], more: int = 0) -> Path:
    """A folder with an index that names these files, of as many tensors more."""
    folder(path)
    where = {f"model.layers.{n}.mlp.experts.down_proj.weight": "model.safetensors" for n in range(more)}
    where |= {name: name for name in names}
    (path / shards.FILE).write_text(json.dumps({"metadata": {}, "weight_map": where}))
    return path


def test_a_part_that_is_missing_is_noticed_at_the_end_of_a_long_index(tmp_path: Path) -> None:
    path = indexed(tmp_path / "model", ["model.safetensors", "model-2.safetensors"], more=90_000)
    assert (path / shards.FILE).stat().st_size > 5_000_000
    assert all("1 of its 2 parts are missing: model-2.safetensors" in said for said in refusals(path))
    (path / "model-2.safetensors").write_bytes(WEIGHTS)
    assert inspect(quiet(tmp_path).machine, str(path), force=False).parts == 2


def test_an_index_that_breaks_off_is_said(tmp_path: Path) -> None:
    path = indexed(tmp_path / "model", ["model.safetensors"], more=10)
    os.truncate(path / shards.FILE, 500)
    assert all(f"{path / shards.FILE} is damaged: it breaks off" in said for said in refusals(path))


def test_a_part_is_missed_by_the_numbers_where_there_is_no_index(tmp_path: Path) -> None:
    path = folder(tmp_path / "model")
    (path / "model.safetensors").rename(path / "model-00001-of-00002.safetensors")
    assert all("missing: model-00002-of-00002.safetensors" in said for said in refusals(path))


def test_what_lies_beside_the_weights_is_not_counted_twice(tmp_path: Path) -> None:
    path = indexed(tmp_path / "model", ["model-a.safetensors"])  # left over: one file holds all
    for name in ("consolidated.safetensors", "adapter_model.safetensors"):
        (path / name).write_bytes(WEIGHTS)
    found = inspect(quiet(tmp_path).machine, str(path), force=False)
    assert (found.parts, found.parameters) == (1, 2)
    (path / shards.FILE).unlink()
    assert inspect(quiet(tmp_path).machine, str(path), force=False).parts == 1


def test_an_adapter_alone_is_no_model(tmp_path: Path) -> None:
    path = folder(tmp_path / "model")
    (path / "model.safetensors").rename(path / "adapter_model.safetensors")
    assert all("holds a LoRA adapter" in said for said in refusals(path))


def test_weights_without_a_config_are_inspected_and_not_deployed(tmp_path: Path) -> None:
    path = folder(tmp_path / "model")
    (path / "config.json").unlink()
    machine = quiet(tmp_path).machine
    assert inspect(machine, str(path), force=False).parameters == 2
    with pytest.raises(ModelError, match=r"has no config\.json"):
        machine.model(str(path))
    with pytest.raises(ModelError, match="one file of a safetensors model"):
        machine.model(str(path / "model.safetensors"))


def test_the_home_of_a_user_that_there_is_not_is_said(tmp_path: Path) -> None:
    machine = quiet(tmp_path).machine
    for door in (machine.model, machine.contents):
        with pytest.raises(ModelError, match="no such user") as caught:
            door("~nosuchuser/x.gguf")
        assert "./~" in caught.value.hint
    done = CliRunner().invoke(main, ["models", "inspect", "~nosuchuser/x.gguf"], catch_exceptions=False)
    assert done.exit_code == 8


def test_what_a_file_says_of_itself_never_commands_the_terminal(tmp_path: Path) -> None:
    attack = "x\x1b]0;owned\x07\x1b[2J\x9b31m\r\nllamacpp: can load it\x7f"
    metadata: dict[str, Value] = {**LLAMA, "general.name": attack, "general.license": attack}
    gguf = sparse(tmp_path / "m.gguf", metadata, SMALL)
    tensors = folder(tmp_path / "model")
    raw = json.dumps({"a": {"dtype": "\x1b[2J\x9b", "shape": [2], "data_offsets": [0, 4]}}, ensure_ascii=False).encode()
    (tensors / "model.safetensors").write_bytes(struct.pack("<Q", len(raw)) + raw + b"\0" * 4)
    (tensors / "config.json").write_text(json.dumps({"architectures": [attack]}))
    for path in (gguf, tensors):
        for command in ("inspect", "fit"):
            done = CliRunner().invoke(main, ["models", command, str(path)], catch_exceptions=False)
            assert not any((ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0 for c in done.output), done.output
            assert sum(line.startswith("llamacpp: can load it") for line in done.output.splitlines()) <= 1
    found = json.loads(CliRunner().invoke(main, ["models", "inspect", str(gguf), "--json"]).stdout)
    assert found["title"] == attack
