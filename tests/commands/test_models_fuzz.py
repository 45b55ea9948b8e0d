"""Models made to harm, drawn by Hypothesis: whatever a file or a folder holds, each door ends in a result or an error.

`make fuzz` draws many more of them.
"""

import json
import os
import shutil
import stat
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackctl.commands.models.inspect import inspect
from stackctl.core.model import shards
from stackctl.errors import ModelError
from tests.commands.doors import doors, refusals
from tests.commands.machines import quiet
from tests.commands.test_models_hostile import HEAD, LLAMA, SMALL, WEIGHTS, folder, through_every_door
from tests.commands.test_models_inspect import peak_kib
from tests.fakes import hub_at
from tests.hub.server import running
from tests.shapes.header import KINDS as KINDS_OF_NUMBERS
from tests.shapes.header import Value, entry, header, sparse, text
from tests.shapes.measured import MODELS

RUN = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
GGUF = header(LLAMA, SMALL)[0] + bytes(9000)
CONFIG = json.dumps(
    {"architectures": ["LlamaForCausalLM"], "num_hidden_layers": 2, "quantization_config": {"quant_method": "fp8"}}
).encode()
TOKENIZER = json.dumps({"chat_template": [{"name": "default", "template": "<|im_start|>"}]}).encode()
PARTS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
INDEX = json.dumps({"metadata": {"total_size": 8}, "weight_map": dict(zip("ab", PARTS, strict=True))}).encode()
# what may lie in a folder, as it should be
FILES: dict[str, bytes] = {
    "config.json": CONFIG, "tokenizer_config.json": TOKENIZER, "chat_template.jinja": b"{{ x }}", "tekken.json": b"{}",
    "tokenizer.json": b"{}", "README.md": b"---\nlicense: mit\nlanguage: [en]\n---\n", shards.FILE: INDEX,
    "model.safetensors": WEIGHTS, **dict.fromkeys(PARTS, WEIGHTS), "consolidated.safetensors": WEIGHTS,
    "adapter_model.safetensors": WEIGHTS, "a.gguf": GGUF, "b-00001-of-00002.gguf": GGUF, "b-00002-of-00002.gguf": GGUF,
    "mmproj-a.gguf": GGUF, "pytorch_model.bin": b"\x80\x02x",
}  # fmt: skip

CHANGES = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 9), st.binary(max_size=9)), max_size=4)
JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=6),
        st.sampled_from(["F16", "model.safetensors", "gptq", "../x.safetensors"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(st.text(max_size=4), st.sampled_from(
                ["weight_map", "metadata", "dtype", "shape", "data_offsets", "quantization_config", "quant_method",
                 "architectures", "text_config", "chat_template", "name", "template", "quantization", "group_size"])),
            inner, max_size=4,
        ),
    ),
    max_leaves=10,
)  # fmt: skip


def changed(raw: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    """Bytes taken out and put in, at several places."""
    for at, gone, new in changes:
        raw = raw[:at] + new + raw[at + gone :]
    return raw


@contextmanager
def emptied(path: Path) -> Iterator[Path]:
    """A folder that no earlier example left anything in."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    yield path


def put(path: Path, kind: str, content: bytes) -> None:
    """A file, or what only has the name of one."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        os.mknod(path, stat.S_IFSOCK | 0o600)
    elif kind == "folder":
        path.mkdir()
    elif kind == "itself":
        path.symlink_to(path)
    elif kind in {"/dev/zero", "/dev/null", "/nowhere", "/proc/self/mem"}:
        path.symlink_to(kind)
    else:
        path.write_bytes(content)


NO_FILES = ["pipe", "socket", "folder", "itself", "/dev/zero", "/dev/null", "/nowhere", "/proc/self/mem"]
KINDS = st.sampled_from(["file"] * 12 + NO_FILES)
CONTENTS = st.one_of(st.none(), CHANGES, JSON)


@RUN
@given(st.dictionaries(st.sampled_from(sorted(FILES)), st.tuples(KINDS, CONTENTS), max_size=9))
def test_any_folder_is_an_error_or_a_model(tmp_path: Path, entries: dict[str, tuple[str, Any]]) -> None:
    with emptied(tmp_path / "model") as path:
        for name, (kind, how) in entries.items():
            is_changes = isinstance(how, list) and all(isinstance(one, tuple) for one in how)
            content = FILES[name] if how is None else changed(FILES[name], how) if is_changes else b""
            put(path / name, kind, content or json.dumps(how).encode())
        through_every_door(path)


@RUN
@given(JSON)
def test_any_index_is_an_error_or_a_model(tmp_path: Path, content: Any) -> None:
    with emptied(tmp_path / "model") as path:
        for name in ("config.json", *PARTS):
            (path / name).write_bytes(FILES[name])
        (path / shards.FILE).write_text(json.dumps({"weight_map": content}))
        through_every_door(path)


@RUN
@given(CHANGES, st.integers(-9, 9), st.integers(-9, 9))
def test_any_change_of_a_safetensors_header_is_an_error_or_a_model(
    tmp_path: Path, changes: list[tuple[int, int, bytes]], length: int, size: int
) -> None:
    with emptied(tmp_path / "model") as path:
        head = changed(HEAD, changes)
        (path / "config.json").write_bytes(CONFIG)
        raw = struct.pack("<Q", max(0, len(head) + length)) + head + bytes(max(0, 4 + size))
        (path / "model.safetensors").write_bytes(raw)
        through_every_door(path)


NUMBERS = st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 300))
VALUES = st.one_of(
    NUMBERS, st.floats(width=32), st.booleans(), st.text(max_size=9),
    st.lists(st.integers(-(2**31), 2**31 - 1), max_size=40),
    st.lists(st.floats(width=32), min_size=1, max_size=40), st.lists(st.text(max_size=4), min_size=1, max_size=9),
)  # fmt: skip
KEYS = sorted({key for model in MODELS.values() for key in model.metadata()} - {"tokenizer.ggml.tokens"})


@RUN
@given(st.sampled_from(sorted(MODELS)), st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5))
def test_any_value_of_any_key_is_an_error_or_a_model(tmp_path: Path, name: str, values: dict[str, Value]) -> None:
    model = MODELS[name]
    path = sparse(tmp_path / "m.gguf", {**model.metadata(), **values}, model.tensors())
    through_every_door(path)


NAMES = ["token_embd.weight", "output.weight", "output_norm.weight", "rope_freqs.weight", "blk.0.attn_k.weight",
         "blk.1.ffn_up_exps.weight", "blk.00001.x", "blk.99999.x", "blk.-1.x", "", "\n", "mm.0.weight"]  # fmt: skip
SHAPES = st.lists(st.integers(0, 512), max_size=4)


@RUN
@given(
    st.sampled_from(sorted(MODELS)),
    st.dictionaries(st.sampled_from(NAMES), st.tuples(st.sampled_from(sorted(KINDS_OF_NUMBERS)), SHAPES), max_size=8),
)
def test_any_table_of_tensors_is_an_error_or_a_model(
    tmp_path: Path, name: str, tensors: dict[str, tuple[str, list[int]]]
) -> None:
    through_every_door(sparse(tmp_path / "m.gguf", MODELS[name].metadata(), tensors))


def test_a_folder_of_ten_thousand_models_names_a_few(tmp_path: Path) -> None:
    path = tmp_path / "models"
    path.mkdir()
    for number in range(10_000):
        (path / f"{number}.gguf").symlink_to("/dev/null")
    for door in doors(path):
        with pytest.raises(ModelError, match="holds 10000 models") as caught:
            door()
        assert len(caught.value.hint) < 1000


@pytest.mark.chaos
def test_a_model_of_ten_thousand_files_is_read_within_200_mb(tmp_path: Path) -> None:
    path = folder(tmp_path / "model")
    (path / "model.safetensors").unlink()
    whole = path / "0.safetensors"
    whole.write_bytes(WEIGHTS)
    for number in range(1, 10_000):
        (path / f"{number}.safetensors").symlink_to(whole)
    assert inspect(quiet(tmp_path).machine, str(path), force=False).parts == 10_000
    assert peak_kib("inspect", path) < 200_000


def test_a_hostile_header_elsewhere_takes_less_than_200_mb() -> None:
    words = (struct.pack("<Q", 9) + b"x" * 9) * 1_900_000
    vocabulary = text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 1_900_000) + words
    rows = b"".join(
        text(f"blk.9.\U0001f600{'x' * 40}{n}") + struct.pack("<I8QIQ", 8, 1000, *[1] * 7, 0, 0) for n in range(60_000)
    )
    head = b"GGUF" + struct.pack("<IQQ", 3, 60_000, 2) + entry("general.architecture", "llama") + vocabulary + rows
    with running() as hub:
        hub.add("owner/name", {"m.gguf": head + bytes(9000)})
        url = f"http://127.0.0.1:{hub.cdn.server_address[1]}/owner/name/m.gguf"
        for command in ("inspect", "fit"):
            assert peak_kib(command, url) < 200_000, command


@pytest.mark.chaos
def test_the_parts_of_a_model_elsewhere_have_no_more_tensors_than_one(tmp_path: Path) -> None:
    rows = b"".join(text(f"t{n}") + struct.pack("<IQIQ", 1, 0, 0, 0) for n in range(60_000))
    head = b"GGUF" + struct.pack("<IQQ", 3, 60_000, 1) + entry("general.architecture", "llama") + rows + bytes(64)
    machine = quiet(tmp_path).machine
    with running() as hub:
        hub.add("owner/name", {f"m-0000{n}-of-00002.gguf": head for n in (1, 2)})
        machine.hub = hub_at(hub.url)
        with pytest.raises(ModelError, match=r"m-00002-of-00002\.gguf and the parts before it have too many tensors"):
            inspect(machine, "hf:owner/name", force=False)


@pytest.mark.parametrize("name", ["", "config.json", "model.safetensors", "tokenizer_config.json", "a.gguf"])
def test_what_may_not_be_read_is_said_with_its_name(name: str) -> None:
    root = Path(tempfile.mkdtemp())  # not pytest's folder, into which only its owner may look
    try:
        root.chmod(0o755)
        path = folder(root / "model")
        if name.endswith(".gguf"):
            shutil.rmtree(path)
            path.mkdir()
            (path / name).write_bytes(GGUF)
        (path / name).touch()
        (path / name).chmod(0)
        with as_nobody():
            assert all(f"{path / name} can't be read: Permission denied" in said for said in refusals(path))
    finally:
        (root / "model").chmod(0o755)
        shutil.rmtree(root)


@contextmanager
def as_nobody() -> Iterator[None]:
    """As a user whom permissions bind, which root is not."""
    before = os.geteuid()
    os.seteuid(65534 if before == 0 else before)
    try:
        yield
    finally:
        os.seteuid(before)
