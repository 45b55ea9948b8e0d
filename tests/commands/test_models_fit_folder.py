"""`stackctl models fit` of safetensors: an estimate, and what it refuses."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stackctl.cli import main
from stackctl.core.fit import safetensors_estimate
from stackctl.core.model.safetensors_header import Tensors

GIB = 1 << 30
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "max_position_embeddings": 16384,
}  # fmt: skip


def folder(path: Path, kind: str = "F16", size: int = 6 * GIB, **config: Any) -> Path:
    path.mkdir()
    (path / "config.json").write_text(json.dumps(CONFIG | config))
    values = size // {"F16": 2, "I32": 4, "F32": 4}[kind]
    header = json.dumps({"a.weight": {"dtype": kind, "shape": [values], "data_offsets": [0, size]}}).encode()
    with (path / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + size)
    return path


def said(path: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["models", "fit", str(path), *words], catch_exceptions=False)
    return done.exit_code, done.output


def fit(path: Path, *words: str) -> dict[str, Any]:
    code, output = said(path, "--backend", "text-generation-webui", "--json", *words)
    assert code == 0, output
    found: dict[str, Any] = json.loads(output)
    return found


def test_weights_cache_and_the_loaders_own_part_add_up(tmp_path: Path) -> None:
    (gpu,) = fit(folder(tmp_path / "m"), "--gpu-memory", "12000", "--context", "8192")["devices"]
    assert gpu["weights_mib"] == 6144.0
    assert gpu["kv_cache_mib"] == 2 * 32 * 8 * 128 * 2 * 8192 / 2**20  # K and V, layers, heads, head, 16 bits, tokens
    assert gpu["overhead_mib"] == 1434.0
    assert gpu["total_mib"] == 6144 + 1024 + 1434


def test_what_does_not_fit_is_said_with_what_would(tmp_path: Path) -> None:
    found = fit(folder(tmp_path / "m"), "--gpu-memory", "8400", "--context", "8192")
    assert not found["fits"]
    assert [(one["change"], one["fits"]) for one in found["alternatives"]] == [
        ("context = 4096", True),
        ("context = 16384", False),
    ]


def test_two_gpus_share_it_by_what_is_free(tmp_path: Path) -> None:
    one, other = fit(folder(tmp_path / "m"), "--gpu-memory", "8000,4000")["devices"]
    assert one["weights_mib"] == 2 * other["weights_mib"] == 4096.0


def test_on_the_cpu_it_lies_in_ram(tmp_path: Path) -> None:
    found = fit(folder(tmp_path / "m"), "--device", "cpu", "--context", "4096")
    assert found["devices"] == []
    assert (found["host"]["weights_mib"], found["host"]["kv_cache_mib"]) == (6144.0, 512.0)


def test_32_bits_are_loaded_as_16() -> None:
    file = Tensors(types={"F32": (1, 4 * GIB)}, marks=frozenset(), values=GIB, size=4 * GIB)
    assert safetensors_estimate.estimate([file], CONFIG, "").weights == 2 * GIB
    assert safetensors_estimate.estimate([file], CONFIG, "exl3").weights == 4 * GIB


def test_a_latent_is_kept_as_what_it_expands_to() -> None:
    deepseek = CONFIG | {"kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128}
    assert safetensors_estimate.estimate([], deepseek, "").cached == 32 * 32 * (128 + 64 + 128)


def test_an_odd_config_counts_nothing() -> None:
    odd = {"num_hidden_layers": "many", "num_attention_heads": -1, "hidden_size": 1e9, "text_config": []}
    assert safetensors_estimate.estimate([], odd, "") == safetensors_estimate.Folder(
        weights=0, layers=0, cached=0, trained_context=0
    )


def test_a_person_reads_that_it_is_an_estimate(tmp_path: Path) -> None:
    code, output = said(folder(tmp_path / "m"), "--backend", "text-generation-webui", "--gpu-memory", "12000")
    assert code == 0
    assert "This is an estimate: the loader's own overhead" in output
    assert "33 of 33 layers on the GPU" in output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "llama.cpp can't load m: it loads GGUF models alone"),
        (("--backend", "text-generation-webui", "--kv-cache", "q8_0"), "which is loaded as a whole"),
        (("--backend", "text-generation-webui", "--gpu-layers", "7"), "which is loaded as a whole"),
    ],
    ids=["backend", "cache", "layers"],
)
def test_what_nobody_can_do_is_refused(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    code, output = said(folder(tmp_path / "m"), "--gpu-memory", "12000", *words)
    assert code == 8, output
    assert says in output
    assert "hint:" in output


def test_a_packing_that_it_lost_is_refused_with_the_reason(tmp_path: Path) -> None:
    packed = folder(tmp_path / "m", "I32", quantization_config={"quant_method": "exl2"})
    code, output = said(packed, "--backend", "text-generation-webui")
    assert code == 8
    assert "its ExLlamaV2 loader was removed in March 2026" in output


def test_exl3_needs_a_gpu(tmp_path: Path) -> None:
    packed = folder(tmp_path / "m", "I32", quantization_config={"quant_method": "exl3"})
    assert fit(packed, "--gpu-memory", "12000")["fits"]
    code, output = said(packed, "--backend", "text-generation-webui", "--device", "cpu")
    assert code == 8
    assert "packed as EXL3, on a GPU only" in output
