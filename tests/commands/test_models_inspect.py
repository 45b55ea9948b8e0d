"""`stackctl models inspect`: what files are, said; who can load them; and nothing that a file holds does any harm."""

import json
import os
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackctl.cli import main
from stackctl.commands.models.fit import Asked, fit
from stackctl.commands.models.inspect import inspect
from stackctl.errors import ModelError, StackctlError
from tests.commands.machines import quiet
from tests.shapes.header import Value, entry, header, sparse, text
from tests.shapes.measured import MODELS

SMALL = {"token_embd.weight": ("q8_0", (64, 256)), "output_norm.weight": ("f32", (64,))}


def safetensors(tensors: dict[str, tuple[str, list[int], int]]) -> bytes:
    table, at = {}, 0
    for name, (kind, shape, size) in tensors.items():
        table[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    head = json.dumps(table).encode()
    return struct.pack("<Q", len(head)) + head + b"\0" * at


def folder(path: Path, config: dict[str, Any], tensors: dict[str, tuple[str, list[int], int]]) -> Path:
    path.mkdir()
    (path / "config.json").write_text(json.dumps(config))
    (path / "model.safetensors").write_bytes(safetensors(tensors))
    return path


def about(path: Path, *words: str, code: int = 0) -> dict[str, Any]:
    done = CliRunner().invoke(main, ["models", "inspect", str(path), "--json", *words], catch_exceptions=False)
    assert done.exit_code == code, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def problems(found: dict[str, Any]) -> set[str | None]:
    """Why the backends can't load it; {None}: all can."""
    assert all(one["loads"] == (one["problem"] is None) for one in found["backends"].values())
    return {one["problem"] for one in found["backends"].values()}


def test_a_gguf_is_told_in_full(tmp_path: Path) -> None:
    mixtral = MODELS["mixtral-8x7b"]
    more: dict[str, Value] = {
        "general.file_type": 15,
        "general.license": "apache-2.0",
        "tokenizer.chat_template": "<|im_start|>x",
    }
    found = about(sparse(tmp_path / "m.gguf", {**mixtral.metadata(), **more}, mixtral.tensors()))
    assert (found["format"], found["architecture"], found["quantisation"]) == ("GGUF 3", "llama", "Q4_K_M")
    assert (found["layers"], found["heads"], found["kv_heads"]) == (32, 32, 8)
    assert (found["experts"], found["experts_used"], found["context"]) == (8, 2, 131072)
    assert found["parameters"] == pytest.approx(46.7e9, rel=0.01)
    assert 4.5 < found["bits_per_weight"] < 5.2
    assert (found["licence"], found["prompt_template"]) == ("apache-2.0", "ChatML")
    assert set(found["types"]) == {"F32", "Q4_K", "Q6_K"}
    assert problems(found) == {None}


def test_a_model_that_promises_too_much_context_is_told(tmp_path: Path) -> None:
    mistral = MODELS["llama-3.1-8b"]
    found = about(sparse(tmp_path / "mistral-7b-v0.1.Q4_K_M.gguf", mistral.metadata(), mistral.tensors()))
    assert found["good_context"] == 4096
    assert "guide" in found["context_source"]


PLAIN = {"model.embed_tokens.weight": ("F16", [8, 4], 64)}


@pytest.mark.parametrize(
    ("config", "tensors", "quantisation", "loads"),
    [
        ({}, PLAIN, "F16", True),
        ({"quantization_config": {"quant_method": "exl3"}}, PLAIN, "EXL3", True),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, PLAIN, "BITSANDBYTES", True),
        ({"quantization_config": {"quant_method": "exl2"}}, PLAIN, "EXL2", False),
        ({"quantization_config": {"quant_method": "gptq"}}, PLAIN, "GPTQ", False),
        ({"quantization_config": {"quant_method": "mxfp4"}}, PLAIN, "MXFP4", True),
        ({"quantization_config": {"quant_method": "torchao"}}, PLAIN, "TORCHAO", True),
        ({"quantization_config": {"quant_method": "fp8"}}, PLAIN, "FP8", False),
        ({"quantization_config": {"quant_method": "compressed-tensors"}}, PLAIN, "COMPRESSED-TENSORS", False),
        ({"quantization_config": {"quant_method": "made-up"}}, PLAIN, "MADE-UP", False),
        ({"quantization": {"group_size": 64, "bits": 4}}, PLAIN, "MLX", False),
        ({}, {"l.q_weight": ("I32", [4], 16)}, "EXL2", False),
        ({}, {"l.qweight": ("I32", [4], 16), "l.g_idx": ("I32", [4], 16)}, "GPTQ", False),
        ({}, {"l.qweight": ("I32", [4], 16), "l.qzeros": ("I32", [4], 16)}, "AWQ", False),
    ],
)
def test_a_folder_of_safetensors_is_told_by_config_or_by_names(
    tmp_path: Path, config: dict[str, Any], tensors: Any, quantisation: str, loads: bool
) -> None:
    found = about(folder(tmp_path / "model", {"num_hidden_layers": 2, **config}, tensors))
    assert (found["format"], found["quantisation"], found["layers"]) == ("safetensors", quantisation, 2)
    assert found["backends"]["text-generation-webui"]["loads"] == loads
    assert found["backends"]["llamacpp"]["problem"] == "it loads GGUF models alone"


@pytest.mark.parametrize(
    ("config", "kind", "counted"),
    [
        ({"quant_method": "fp8"}, "F8_E4M3", True),
        ({"quant_method": "fbgemm_fp8"}, "F8_E4M3", True),
        ({"quant_method": "compressed-tensors", "format": "float-quantized"}, "F8_E4M3", True),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "I8", True),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, "F8_E4M3", True),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "U8", False),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "U8", False),
        ({"quant_method": "gptq"}, "I32", False),
    ],
)
def test_parameters_are_counted_where_a_number_is_one(
    tmp_path: Path, config: dict[str, Any], kind: str, counted: bool
) -> None:
    size = 4 if kind == "I32" else 1
    tensors = {"a.weight": (kind, [8, 4], 32 * size), "a.weight_scale_inv": ("F32", [2], 8)}
    found = about(folder(tmp_path / "model", {"quantization_config": config}, tensors))
    assert (found["parameters"], found["bits_per_weight"]) == ((32, 10.0) if counted else (None, None))


def test_a_packed_form_of_compressed_tensors_is_not_counted(tmp_path: Path) -> None:
    config = {"quantization_config": {"quant_method": "compressed-tensors"}}
    assert about(folder(tmp_path / "model", config, {"a.weight_packed": ("I32", [4], 16)}))["parameters"] is None


def test_a_type_that_is_not_known_is_said(tmp_path: Path) -> None:
    path = folder(tmp_path / "model", {}, {"a": ("Q9", [4], 3), **PLAIN})
    assert about(path)["unknown_types"] == ["Q9"]
    raw, _ = header({"general.architecture": "llama"}, {"a": ("f32", (64,)), "b": ("f32", (64,))})
    row = raw.rindex(struct.pack("<IQ", 1, 64)) + 12  # the type of the last tensor
    (tmp_path / "m.gguf").write_bytes(raw[:row] + struct.pack("<I", 999) + raw[row + 4 :] + bytes(512))
    found = about(tmp_path / "m.gguf", code=8)
    assert (found["unknown_types"], found["parameters"], found["bits_per_weight"]) == (["type 999"], 128, None)
    done = CliRunner().invoke(main, ["models", "inspect", str(tmp_path / "m.gguf")], catch_exceptions=False)
    assert "unknown types  type 999" in done.output


NO_CHAT: dict[str, tuple[dict[str, Value], str]] = {
    "mmproj": ({"general.architecture": "clip"}, "projector"),
    "mmproj by type": ({"general.architecture": "x", "general.type": "mmproj"}, "projector"),
    "lora": ({"general.architecture": "llama", "general.type": "adapter"}, "adapter (LoRA)"),
    "control vector": ({"general.architecture": "controlvector"}, "control vector"),
    "imatrix": ({"general.type": "imatrix"}, "importance matrix"),
    "bert": ({"general.architecture": "nomic-bert"}, "embedding model"),
    "embedding": ({"general.architecture": "qwen3", "qwen3.pooling_type": 3}, "embedding model"),
    "reranker": ({"general.architecture": "qwen3", "qwen3.pooling_type": 4}, "reranker"),
    "t5": ({"general.architecture": "t5encoder"}, "embedding model"),
    "speech": ({"general.architecture": "whisper"}, "speech"),
    "pictures": ({"general.architecture": "flux"}, "images"),
    "diffusion": ({"general.architecture": "llada"}, "diffusion"),
    "vocabulary": ({"general.architecture": "llama", "general.type": "model"}, "no weights"),
    "draft": ({"general.architecture": "eagle3"}, "draft model"),
}


@pytest.mark.parametrize(("metadata", "says"), NO_CHAT.values(), ids=NO_CHAT)
def test_what_nobody_can_chat_with_is_loaded_by_no_backend(
    tmp_path: Path, metadata: dict[str, Value], says: str
) -> None:
    path = sparse(tmp_path / "m.gguf", metadata, {} if "no weights" in says else SMALL)
    found = about(path)
    assert says in found["problem"]
    assert problems(found) == {found["problem"]}


def test_a_folder_whose_weights_are_empty_is_loaded_by_no_backend(tmp_path: Path) -> None:
    assert problems(about(folder(tmp_path / "model", {}, {}))) == {"it contains no weights"}


def test_a_chat_model_whose_pooling_is_none_is_one(tmp_path: Path) -> None:
    metadata: dict[str, Value] = {"general.architecture": "qwen3", "qwen3.pooling_type": 0, "general.type": "model"}
    assert about(sparse(tmp_path / "m.gguf", metadata, SMALL))["problem"] is None


@pytest.mark.parametrize(
    ("architecture", "is_writer"),
    [("LlamaForCausalLM", True), ("GPT2LMHeadModel", True), ("ChatGLMModel", True), ("BertModel", False),
     ("XLMRobertaModel", False), ("WhisperForConditionalGeneration", False), ("Qwen3ForSequenceClassification", False),
     ("Gemma3ForConditionalGeneration", True)],
)  # fmt: skip
def test_a_class_of_transformers_tells_whether_it_writes(tmp_path: Path, architecture: str, is_writer: bool) -> None:
    found = about(folder(tmp_path / "model", {"architectures": [architecture]}, PLAIN))
    assert bool(found["problem"]) != is_writer
    assert found["backends"]["text-generation-webui"]["loads"] == is_writer


def test_licence_and_languages_come_from_the_file_or_from_the_card_beside_it(tmp_path: Path) -> None:
    card = "---\nlicense: mit\nlanguage: [de, ja]\n---\n"
    tensors = folder(tmp_path / "tensors", {}, PLAIN)
    (tensors / "README.md").write_text(card)
    assert (about(tensors)["licence"], about(tensors)["languages"]) == ("mit", ["de", "ja"])
    (tmp_path / "ggufs").mkdir()
    (tmp_path / "ggufs" / "README.md").write_text(card)
    told: dict[str, Value] = {"general.architecture": "llama", "general.languages": ["en", "fr"]}
    path = sparse(tmp_path / "ggufs" / "m.gguf", told, SMALL)
    found = about(tmp_path / "ggufs")
    assert (found["licence"], found["languages"]) == ("mit", ["en", "fr"])
    assert about(path)["licence"] is None  # in a folder of many models, a card may be another's
    (tensors / "README.md").unlink()
    os.mkfifo(tensors / "README.md")
    assert about(tensors)["languages"] == []


def test_a_model_is_called_what_its_user_calls_it(tmp_path: Path) -> None:
    blob = sparse(tmp_path / "0123abcd", {"general.architecture": "llama"}, SMALL)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "Model-Q8_0.gguf").symlink_to(blob)
    assert about(tmp_path / "folder" / "Model-Q8_0.gguf")["name"] == "Model-Q8_0.gguf"
    assert about(tmp_path / "folder")["name"] == "Model-Q8_0.gguf"
    snapshots = tmp_path / "models--owner--Some-Model" / "snapshots"
    snapshots.mkdir(parents=True)
    assert about(folder(snapshots / "fedc9876", {}, PLAIN))["name"] == "Some-Model"


def test_what_no_backend_loads_leads_to_a_gguf(tmp_path: Path) -> None:
    path = folder(tmp_path / "model", {"quantization_config": {"quant_method": "exl2"}}, PLAIN)
    done = CliRunner().invoke(main, ["models", "inspect", str(path)], catch_exceptions=False)
    assert "removed in March 2026" in done.output
    assert "look for a GGUF" in done.output


def _zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"cos\nsystem\n(S'touch /tmp/owned'\ntR.")
    return path


def _missing_part(path: Path) -> Path:
    folder(path, {}, PLAIN)
    where = {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}
    (path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    return path


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _written(content: bytes) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path.write_bytes(content)
        return path

    return write


RAW, WHOLE = header({"general.architecture": "llama"}, SMALL)
WRONG: dict[str, tuple[Callable[[Path], Path], str]] = {
    "lfs": (_written(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n"), "Git LFS pointer"),
    "html": (_written(b"<!DOCTYPE html><html></html>"), "web page"),
    "zeros": (_written(b"\0" * 4096), "zeros"),
    "empty": (_written(b""), "empty"),
    "text": (_written(b"hello"), "not a GGUF"),
    "cut": (_written(RAW + b"\0" * 10), "cut short"),
    "header cut": (_written(RAW[:40]), "cut short"),
    "zip": (_zip, "PyTorch pickle"),
    "missing": (lambda path: path, "no model at"),
    "folder": (_folder, "no model found in"),
    "missing part": (_missing_part, "is incomplete"),
    "cut safetensors": (_written(b"x"), "not a GGUF"),
}


@pytest.mark.parametrize(("make", "says"), WRONG.values(), ids=WRONG)
def test_what_is_no_whole_model_is_said(tmp_path: Path, make: Callable[[Path], Path], says: str) -> None:
    with pytest.raises(ModelError) as caught:
        inspect(quiet(tmp_path).machine, str(make(tmp_path / "x.gguf")), force=False)
    assert says in caught.value.message
    assert caught.value.hint


def test_a_forced_pickle_is_named_and_not_opened(tmp_path: Path) -> None:
    found = about(_zip(tmp_path / "pytorch_model.bin"), "--force")
    assert found["format"] == "PyTorch pickle"
    assert all("any code" in str(why) for why in problems(found))
    assert not Path("/tmp/owned").exists()


def test_a_pipe_a_device_and_a_loop_of_links_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    (tmp_path / "loop.gguf").symlink_to(tmp_path / "loop.gguf")
    for one in (tmp_path / "pipe.gguf", Path("/dev/zero"), tmp_path / "loop.gguf"):
        with pytest.raises(ModelError):
            inspect(quiet(tmp_path).machine, str(one), force=False)


def through_every_door(path: Path) -> None:
    """Look and inspect and fit, as the commands do: a result, or an error of ours."""
    machine = quiet(path.parent).machine
    for door in (lambda: inspect(machine, str(path), force=False), lambda: fit(machine, str(path), Asked())):
        with suppress(StackctlError):
            door()


MUTATION = st.lists(st.tuples(st.integers(0, 5000), st.binary(min_size=1, max_size=9)), min_size=1, max_size=6)
RUN = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@RUN
@given(MUTATION, st.integers(0, 3))
def test_a_damaged_gguf_is_an_error_or_a_model_never_a_bug(
    tmp_path: Path, changes: list[tuple[int, bytes]], model: int
) -> None:
    name = ["llama-3.2-1b", "gemma-3-4b", "deepseek-v2-lite", "granite-4-h-micro-like"][model]
    raw = bytearray(header(MODELS[name].metadata(), MODELS[name].tensors())[0])
    for at, new in changes:
        raw[at : at + len(new)] = new
    path = tmp_path / "m.gguf"
    path.write_bytes(bytes(raw))
    os.truncate(path, 1 << 40)
    through_every_door(path)


NUMBER = st.one_of(st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=5), st.none(), st.lists(st.integers()))


@RUN
@given(st.dictionaries(st.sampled_from(["block_count", "embedding_length", "attention.head_count", "expert_count",
    "attention.head_count_kv", "attention.key_length", "context_length", "feed_forward_length", "vocab_size",
    "attention.sliding_window", "ssm.inner_size", "expert_used_count"]), st.integers(0, 2**32 - 1)))  # fmt: skip
def test_absurd_numbers_in_a_header_end_well_and_after_little_work(tmp_path: Path, numbers: dict[str, int]) -> None:
    known = MODELS["llama-3.2-1b"].metadata()
    own = {f"llama.{key}": value for key, value in numbers.items()}
    path = sparse(tmp_path / "m.gguf", {**known, **own}, SMALL)
    assert calls(partial(through_every_door, path)) < 3_000_000


def calls(work: Callable[[], object]) -> int:
    """How many functions a piece of work calls: its length, on any machine."""
    count = 0

    def one_more(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(one_more)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@RUN
@given(st.recursive(NUMBER, lambda inner: st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=12))
def test_any_json_in_a_folder_of_safetensors_is_an_error_or_a_model(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "folder"
    path.mkdir(exist_ok=True)
    raw = json.dumps(content).encode()
    (path / "config.json").write_bytes(raw)
    (path / "model.safetensors").write_bytes(struct.pack("<Q", len(raw)) + raw + b"\0" * 64)
    through_every_door(path)


def _strings(count: int) -> bytes:
    return text("k") + struct.pack("<IIQ", 9, 8, count) + b"\0" * (8 * count)


E = "\U0001f600"  # four bytes, and as many for each character of a text that has it


def _tensors(names: str, dimensions: tuple[int, ...]) -> bytes:
    """99,000 rows of a tensor table, with the metadata of a model of a thousand layers before it."""
    rows = (
        text(names.format(n)) + struct.pack(f"<I{len(dimensions)}QIQ", len(dimensions), *dimensions, 0, 0)
        for n in range(99_000)
    )
    known = entry("general.architecture", "llama") + entry("llama.block_count", 1000)
    return b"GGUF" + struct.pack("<IQQ", 3, 99_000, 2) + known + b"".join(rows)


def _headed(raw: bytes) -> bytes:
    return struct.pack("<Q", len(raw)) + raw


HUGE: dict[str, bytes] = {
    "strings.gguf": b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + _strings(3_900_000),
    "tensors.gguf": _tensors("blk.{}.t", (32,)),
    "dimensions.gguf": _tensors("blk.9." + E + "x" * 40 + "{}", (1000, 1, 1, 1, 1, 1, 1, 1)) + bytes(9000),
    "pairs.gguf": b"GGUF"
    + struct.pack("<IQQ", 3, 0, 60_000)
    + b"".join(entry(f"key {n}", "x" * 400) for n in range(60_000)),
    "wide texts.gguf": b"GGUF"
    + struct.pack("<IQQ", 3, 0, 30)
    + b"".join(entry(f"key {n}", E + "x" * 1_000_000) for n in range(30)),
    "arrays.gguf": b"GGUF"
    + struct.pack("<IQQ", 3, 0, 6000)
    + b"".join(text(f"key {n}") + struct.pack("<IIQ", 9, 0, 4096) + bytes(4096) for n in range(6000)),
    "layers.gguf": header({"general.architecture": "llama", "llama.block_count": 4_000_000_000}, SMALL)[0]
    + b"\0" * 20_000,
    "deep.safetensors": _headed(b"[" * 4_000_000),
    "nested.safetensors": _headed(b'{"a":' * 1_600_000),
    "tables.safetensors": _headed(b'{"a":[' + b"{}," * 2_700_000 + b"0]}"),
    "lists.safetensors": _headed(b'{"a":[' + b"[]," * 140_000 + b"0]}"),
    "keys.safetensors": _headed(b"{" + b"".join(f'"{E}xxxxxxxx{n}":0,'.encode() for n in range(299_000)) + b'"z":0}'),
}


def peak_kib(command: str, path: Path | str) -> int:
    """The most memory that a command took, whole process and all; it ended, and without a traceback."""
    argv = [sys.executable, "-c", MEASURED, command, str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300)
    assert "Traceback" not in done.stderr, done.stderr
    return int(done.stdout.splitlines()[-1])


SAMPLE = {"strings.gguf", "deep.safetensors"}


@pytest.mark.chaos
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.sample if name in SAMPLE else ()) for name in HUGE]
)
def test_a_hostile_file_takes_less_than_200_mb_and_ends(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(HUGE[name])
    for command in ("inspect", "fit"):
        assert peak_kib(command, path) < 200_000, command


@pytest.mark.chaos
def test_a_hostile_folder_takes_less_than_200_mb_and_ends(tmp_path: Path) -> None:
    path = folder(tmp_path / "model", {}, PLAIN)
    keys = "".join(f'"{E}xxxxx{n}":0,' for n in range(90_000))
    (path / "config.json").write_text(f'{{{keys}"z":0}}')
    (path / "tokenizer_config.json").write_text(f'{{{keys}"z":"{"y" * 1_900_000}"}}')
    (path / "chat_template.jinja").write_text(E + "x" * 1_000_000)
    where = ",\n".join(f'"{E}model.layers.{n}.w":"model.safetensors"' for n in range(400_000))
    (path / "model.safetensors.index.json").write_text(f'{{"weight_map":{{{where}}}}}')
    for command in ("inspect", "fit"):
        assert peak_kib(command, path) < 200_000, command


def test_a_header_that_is_longer_than_any_models_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<IIQ", 9, 8, 60))
        for _ in range(60):
            file.write(struct.pack("<Q", 1 << 20))
            file.seek(1 << 20, os.SEEK_CUR)
        file.truncate(1 << 33)
    with pytest.raises(ModelError, match="impossible length of its header"):
        inspect(quiet(tmp_path).machine, str(path), force=False)


def test_a_file_that_calls_itself_one_of_no_parts_is_a_file_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "m-00001-of-00000.gguf"
    path.write_bytes(_tensors("blk.{}.t", (0,)))
    found = inspect(quiet(tmp_path).machine, str(path), force=False)
    assert (found.name, found.parts) == (path.name, 1)


@pytest.mark.chaos
def test_the_parts_of_a_model_together_have_no_more_tensors_than_one(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        (tmp_path / f"m-0000{number}-of-00003.gguf").write_bytes(_tensors("blk.{}.t", (0,)))
    path = tmp_path / "m-00001-of-00003.gguf"
    with pytest.raises(ModelError, match="too many tensors"):
        inspect(quiet(tmp_path).machine, str(path), force=False)
    assert peak_kib("inspect", path) < 200_000


@pytest.mark.chaos
def test_a_safetensors_file_of_30_000_tensors_is_read_within_200_mb(tmp_path: Path) -> None:
    size = 2 * 4096 * 14336
    table = {
        f"model.layers.{n // 384}.mlp.experts.{n % 384}.down_proj.weight": {
            "dtype": "BF16", "shape": [4096, 14336], "data_offsets": [n * size, n * size + size],
        }
        for n in range(30_000)
    }  # fmt: skip
    path = folder(tmp_path / "model", {"num_hidden_layers": 79}, PLAIN)
    raw = _headed(json.dumps(table).encode())
    (path / "model.safetensors").write_bytes(raw)
    os.truncate(path / "model.safetensors", len(raw) + 30_000 * size)
    assert about(path)["parameters"] == 30_000 * 4096 * 14336
    assert peak_kib("inspect", path) < 200_000


MEASURED = """
import re, sys
from stackctl.cli import main
try:
    main(["models", sys.argv[1], sys.argv[2], "--json"])
except SystemExit:
    pass
print()
print(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1])
"""
