"""The sum against what llama.cpp itself reserves.

measured_vram.csv: 634 runs of llama.cpp 0.7.0 (build 11669, Debian) over fourteen models at full size, on Vulkan's
software device as the GPU, without allocating; its sizes are MiB, those of weights rounded down. `n_outputs` "ubatch"
is how llama-fit-params and older builds reserve, a number how llama-server does.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from stackctl.core.fit import Fit, Reserves, Settings, Shape, fit
from stackctl.core.model import gguf, gguf_shape
from tests.shapes.header import header
from tests.shapes.measured import MODELS

FILE = Path(__file__).parents[2] / "shapes" / "measured_vram.csv"
PRINTED = 0.011  # MiB, as finely as llama.cpp prints a size


@cache
def shape(model: str, quant: str) -> Shape:
    raw, size = header(MODELS[model].metadata(), MODELS[model].tensors(quant))
    return gguf_shape.shape_of(gguf.read(raw, size, name=model))


@dataclass(frozen=True)
class Row:
    told: dict[str, str]

    def mib(self, key: str) -> float:
        return float(self.told[key] or 0)

    @property
    def shape(self) -> Shape:
        return shape(self.told["model"], self.told["quant"].lower())

    @property
    def has_gpu(self) -> bool:
        return self.told["ngl"] != "nogpu"

    @property
    def is_whole(self) -> bool:
        return self.has_gpu and int(self.told["ngl"]) > len(self.shape.layers)

    @property
    def fit(self) -> Fit:
        told = self.told
        return fit(
            self.shape,
            Settings(
                context=int(told["ctx"]),
                kv_type=told["kv_type"],
                batch=int(told["n_ubatch"]),
                slots=None if told["n_parallel"] == "auto" else int(told["n_parallel"]),
                flash_attention=told["fa"] == "on",
                gpu_layers=int(told["ngl"]) if self.has_gpu else 0,
                device="vulkan" if self.has_gpu else "cpu",
            ),
            Reserves(slots=4, logits="batch" if told["n_outputs"] == "ubatch" else "slots", base_mib=0),
        )

    @property
    def measured_mib(self) -> float:
        """What the GPU held. The cache is whole MiB in dev_ctx_mib, and exact where all of it is there."""
        cache = self.mib("kv_mib") + self.mib("rs_mib") if self.is_whole else self.mib("dev_ctx_mib")
        return self.mib("dev_model_mib") + cache + self.mib("dev_compute_mib")

    @property
    def error(self) -> float:
        return self.fit.devices[0].total_mib / self.measured_mib - 1


ROWS = [Row(told) for told in csv.DictReader(FILE.read_text(encoding="utf-8").splitlines())]
WHOLE = [row for row in ROWS if row.is_whole]
PART = [row for row in ROWS if row.has_gpu and not row.is_whole and int(row.told["ngl"]) > 0]


def share(good: list[bool]) -> float:
    return sum(good) / len(good)


def test_every_row_is_there() -> None:
    assert (len(ROWS), len(WHOLE), len(PART)) == (634, 424, 126)
    assert {row.told["model"] for row in ROWS} == set(MODELS)


@pytest.mark.parametrize("model", MODELS)
def test_cache_state_and_output_are_exact(model: str) -> None:
    for row in (row for row in ROWS if row.told["model"] == model):
        found = row.fit
        everywhere = (*found.devices, found.host)
        assert sum(one.kv_cache_mib for one in everywhere) == pytest.approx(row.mib("kv_mib"), abs=2 * PRINTED), (
            row.told
        )
        assert sum(one.state_mib for one in everywhere) == pytest.approx(row.mib("rs_mib"), abs=2 * PRINTED), row.told
        assert found.host.output_mib == pytest.approx(row.mib("output_mib"), abs=PRINTED), row.told


@pytest.mark.parametrize("model", MODELS)
def test_weights_lie_where_llamacpp_puts_them(model: str) -> None:
    for row in (row for row in ROWS if row.told["model"] == model):
        found = row.fit
        assert row.shape.weights == pytest.approx(int(row.told["tensor_bytes"]), abs=256), row.told
        if row.has_gpu:
            assert found.devices[0].weights_mib == pytest.approx(row.mib("dev_model_mib") + 0.5, abs=0.52), row.told
            assert found.host.weights_mib == pytest.approx(row.mib("host_model_mib") + 0.5, abs=0.52), row.told


def test_a_model_that_is_whole_on_the_gpu_takes_what_we_say_within_2_percent() -> None:
    assert share([abs(row.error) <= 0.02 for row in WHOLE]) >= 0.99


def test_a_model_that_is_there_in_part_takes_what_we_say_within_2_percent_nine_times_of_ten() -> None:
    assert share([abs(row.error) <= 0.02 for row in PART]) >= 0.9


def test_it_hardly_ever_takes_more_than_3_percent_beyond_what_we_say() -> None:
    assert share([row.error < -0.03 for row in WHOLE + PART]) <= 0.01


@pytest.mark.parametrize("model", MODELS)
def test_the_terms_add_up(model: str) -> None:
    for row in (row for row in ROWS if row.told["model"] == model):
        for one in (*row.fit.devices, row.fit.host):
            terms = one.weights_mib + one.kv_cache_mib + one.state_mib + one.compute_mib + one.output_mib
            assert one.total_mib == pytest.approx(terms + one.overhead_mib, abs=1e-6)
