"""The sum over shapes that took no part in making it.

others.csv: our own runs of llama.cpp 0.7.0 (build 11669, Debian), llama-server on Mesa's software Vulkan device, what
it printed of its memory before allocating (whole MiB, rounded down). Left out: what that device can't hold in one
buffer of 128 MiB and so put into RAM (scores without flash attention, the widest batches); weights likewise.
"""

import csv
from functools import cache
from pathlib import Path

import pytest

from stackctl.backends import llamacpp
from stackctl.core.fit import ALL, Settings, Shape, fit
from stackctl.core.model import gguf, gguf_shape
from tests.shapes.header import header
from tests.shapes.others import MODELS

FILE = Path(__file__).parents[2] / "shapes" / "others.csv"
ROWS = list(csv.DictReader(FILE.read_text(encoding="utf-8").splitlines()))


@cache
def shape(model: str) -> Shape:
    raw, size = header(MODELS[model].metadata(), MODELS[model].tensors())
    return gguf_shape.shape_of(gguf.read(raw, size, name=model))


def test_every_model_is_measured() -> None:
    assert {row["model"] for row in ROWS} == set(MODELS)
    assert len(ROWS) > 80


@pytest.mark.parametrize("row", ROWS, ids=[" ".join(row.values()) for row in ROWS])
def test_the_gpu_holds_what_we_say_within_2_percent(row: dict[str, str]) -> None:
    settings = Settings(
        context=int(row["context"]),
        kv_type=row["kv_type"],
        batch=int(row["batch"]),
        slots=None if row["slots"] == "auto" else int(row["slots"]),
        gpu_layers=ALL if row["ngl"] == "all" else int(row["ngl"]),
        device="vulkan",
    )
    (found,) = fit(shape(row["model"]), settings, llamacpp.MEMORY).devices
    cache_mib, compute_mib = float(row["dev_ctx_mib"]), float(row["dev_compute_mib"])
    assert found.kv_cache_mib + found.state_mib == pytest.approx(cache_mib + 0.5, abs=1.0)
    measured = found.weights_mib + cache_mib + compute_mib
    assert found.total_mib == pytest.approx(measured, rel=0.02)
