"""`stackctl models fit` from the command line: its JSON is what scripts rely on."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stackctl.cli import main
from tests.shapes.header import sparse
from tests.shapes.measured import MODELS

TERMS = ["weights_mib", "kv_cache_mib", "state_mib", "compute_mib", "output_mib", "overhead_mib", "total_mib"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    eight = MODELS["llama-3.1-8b"]
    return sparse(tmp_path_factory.mktemp("models") / "8b.gguf", eight.metadata(), eight.tensors())


def fit(model: Path, *words: str) -> dict[str, Any]:
    done = CliRunner().invoke(main, ["models", "fit", str(model), "--json", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_it_says_where_everything_goes_and_the_verdict(model: Path) -> None:
    found = fit(model, "--context", "8192", "--gpu-memory", "24000", "--device", "vulkan", "--gpu-layers", "all")
    assert [list(one) for one in (*found["devices"], found["host"])] == [TERMS, TERMS]
    assert (found["gpu_layers"], found["context"], found["fits"]) == (33, 8192, True)
    # llama.cpp itself: 4403 MiB of weights on the GPU, 1024 of cache, 282.5 or less to compute
    assert found["devices"][0]["kv_cache_mib"] == 1024.0
    assert 4403 <= found["devices"][0]["weights_mib"] < 4404
    assert found["devices"][0]["overhead_mib"] == 0


def test_what_does_not_fit_is_said(model: Path) -> None:
    found = fit(model, "--gpu-memory", "4000", "--device", "vulkan", "--gpu-layers", "all")
    assert not found["fits"]
    assert "4000 MiB" in found["problems"][0] or "GPU" in found["problems"][0]


def test_as_many_layers_go_to_the_gpu_as_fit_with_a_margin(model: Path) -> None:
    words = ("--gpu-memory", "4000", "--device", "vulkan", "--kv-cache", "f16")
    found = fit(model, *words)
    assert 0 < found["gpu_layers"] < 33
    usable = 4000 - 512  # what gpu.reserve leaves free by default
    assert found["devices"][0]["total_mib"] <= usable
    more = fit(model, *words, "--gpu-layers", str(found["gpu_layers"] + 1), "--context", str(found["context"]))
    assert more["devices"][0]["total_mib"] > usable


def test_what_is_reserved_stays_free_by_the_option_and_by_stack_toml(model: Path, tmp_path: Path) -> None:
    words = ("--gpu-memory", "12000", "--device", "vulkan")
    assert fit(model, *words)["context"] == 32_768
    assert fit(model, *words, "--gpu-reserve", "4000")["context"] == 16_384
    (tmp_path / "stack.toml").write_text('[gpu]\nreserve = "6 GiB"\n')
    assert fit(model, *words, "-C", str(tmp_path))["context"] == 8192
    assert fit(model, *words, "-C", str(tmp_path), "--gpu-reserve", "0")["context"] == 32_768


def test_what_else_there_is_is_named_with_its_price(model: Path) -> None:
    found = fit(model, "--gpu-memory", "5500", "--device", "vulkan", "--gpu-layers", "all", "--context", "8192")
    assert not found["fits"]
    ways = {one["change"]: one for one in found["alternatives"]}
    assert ways['kv_cache = "q8_0"']["fits"]
    # 47 % of the f16 cache
    assert ways['kv_cache = "q8_0"']["saves_mib"] == pytest.approx(480, abs=2)
    assert ways["context = 4096"]["saves_mib"] > 500


def test_a_person_sees_a_bar_per_place_and_the_verdict(model: Path) -> None:
    words = ["models", "fit", str(model), "--gpu-memory", "4000", "--device", "vulkan"]
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert "█" in done.output
    assert "layers on the GPU" in done.output
    assert "fits: " in done.output


def test_every_gpu_has_its_row(model: Path) -> None:
    found = fit(model, "--gpu-memory", "4000,8000", "--device", "vulkan", "--gpu-layers", "all")
    one, other = (device["weights_mib"] for device in found["devices"])
    assert one < other
    assert one + other == pytest.approx(4403.5, abs=1)


def test_on_the_cpu_there_is_ram_alone(model: Path) -> None:
    found = fit(model, "--device", "cpu")
    assert (found["devices"], found["gpu_layers"]) == ([], 0)
    assert found["host"]["weights_mib"] > 4600


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--gpu-layers", "some"), "is not a number of layers; write a number, all or auto"),
        (("--gpu-memory", "8192,x"), "'x' is not a size in MiB"),
        (("--gpu-memory", "24,24"), "24 MiB hold no model; for 24 GiB write 24576"),
        (("--ram", "0"), "'0' is not a size in MiB"),
        (("--ram", "8"), "8 MiB hold no model; for 8 GiB write 8192"),
        (("--kv-cache", "q9"), "q9"),
        (("--context", "0"), "0"),
    ],
)
def test_a_wrong_option_is_refused(model: Path, words: tuple[str, ...], says: str) -> None:
    done = CliRunner().invoke(main, ["models", "fit", str(model), *words])
    assert done.exit_code == 2
    assert says in done.output


def test_no_gpu_memory_is_a_machine_without_a_gpu(model: Path) -> None:
    found = fit(model, "--gpu-memory", "0")
    assert (found["devices"], found["gpu_layers"]) == ([], 0)


def test_a_gpu_that_is_not_here_is_added_up_and_does_not_fit(model: Path) -> None:
    found = fit(model, "--device", "vulkan", "--gpu-layers", "all", "--context", "8192")
    assert [one["kv_cache_mib"] for one in found["devices"]] == [1024.0]
    assert not found["fits"]


def test_how_many_layers_fit_on_a_gpu_that_is_not_here_nobody_knows(model: Path) -> None:
    done = CliRunner().invoke(main, ["models", "fit", str(model), "--device", "cuda"])
    assert done.exit_code != 0
    assert "--gpu-memory 12288" in done.output
