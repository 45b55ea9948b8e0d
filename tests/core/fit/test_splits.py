"""What was chosen for sixteen models on several GPUs, against what llama.cpp itself reserves on each.

tests/shapes/splits.csv, in MiB: its own account before it allocates (no_alloc), as for families.csv, of what choose()
took for two and four GPUs of 24 GiB and for uneven ones, each with 450 MiB in use: --gpu-layers, --n-cpu-moe and
--tensor-split.
"""

import csv
from dataclasses import replace
from pathlib import Path

from stackctl.backends import llamacpp
from stackctl.core.fit import Fit, Settings, fit
from tests.shapes import families

ROWS = list(csv.DictReader((Path(families.__file__).parent / "splits.csv").read_text(encoding="utf-8").splitlines()))
_IN_USE, _CONTEXT = 450, 500


def ours(row: dict[str, str]) -> Fit:
    settings = Settings(
        context=int(row["context"]),
        kv_type=row["kv_type"],
        slots=1,
        gpu_layers=int(row["ngl"]),
        cpu_experts=int(row["cpu_experts"]),
        device="vulkan",
        split=tuple(map(float, row["split"].split())),
    )
    return fit(families.shape(row["model"]), settings, replace(llamacpp.MEMORY, base_mib=0))


def theirs(row: dict[str, str], *terms: str) -> list[float]:
    columns = [list(map(float, row[f"dev_{term}"].split())) for term in terms]
    return [sum(one) for one in zip(*columns, strict=True)]


def shares(row: dict[str, str]) -> list[float]:
    """The part of what is free on each GPU that llama.cpp takes, with its driver's context."""
    free = [int(gib) * 1024 - _IN_USE for gib in row["gpus_gib"].split()]
    return [(mib + _CONTEXT) / of for mib, of in zip(theirs(row, "model", "context", "compute"), free, strict=True)]


def in_ram(row: dict[str, str]) -> bool:
    return row["cpu_experts"] != "0" or int(row["ngl"]) <= len(families.shape(row["model"]).layers)


def test_every_gpu_has_the_layers_that_the_plan_says() -> None:
    for row in ROWS:
        for term, mine in (
            ("model", [one.weights_mib for one in ours(row).devices]),
            ("context", [one.kv_cache_mib + one.state_mib for one in ours(row).devices]),
        ):
            assert all(abs(one - other) < 2 for one, other in zip(mine, theirs(row, term), strict=True)), (row, mine)


def test_totals_are_within_2_percent_or_48_mib() -> None:
    for row in ROWS:
        found = zip(ours(row).devices, theirs(row, "model", "context", "compute"), strict=True)
        assert all(abs(one.total_mib - other) < max(0.02 * other, 48) for one, other in found), row


def test_no_gpu_has_more_than_is_free() -> None:
    assert [row for row in ROWS if max(shares(row)) > 1] == []


def test_where_weights_lie_in_ram_no_gpu_idles() -> None:
    rows = [row for row in ROWS if in_ram(row)]
    assert len(rows) > 30
    uneven = [(row["gpus_gib"], row["model"]) for row in rows if min(shares(row)) < 0.8 * max(shares(row))]
    # a layer more does not fit on 8 GiB where layers are large
    assert uneven == [("24 8", "minimax-m2")]
