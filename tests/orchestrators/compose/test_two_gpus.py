"""compose.yml for a machine with two GPUs: the same as in tests/golden/two-gpus, and right in words."""

from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from stackctl.core.model import gguf, gguf_shape
from stackctl.core.observed import Ram
from stackctl.orchestrators.compose.render import parse, render
from stackctl.orchestrators.rendering import literal
from tests.core.samples import GPU, a_plan, engine, model_file, seen, template, wanted
from tests.core.samples import model as a_model
from tests.shapes.header import header
from tests.shapes.measured import MODELS

GOLDEN = Path(__file__).parents[2] / "golden" / "two-gpus"
SMALL = replace(GPU, index=0, uuid="GPU-a", name="RTX 3060", total_mib=12_288, free_mib=6000, compute=(8, 6))
LARGE = replace(GPU, index=1, uuid="GPU-b", name="RTX 3090", total_mib=24_576, free_mib=12_000, compute=(8, 6))
# the backend -> how its arguments name the shares of the layers, and the main GPU
SPLIT = {"llamacpp": "--tensor-split", "koboldcpp": "--tensor_split", "text-generation-webui": "--tensor-split"}
MAIN = {"llamacpp": "--main-gpu", "koboldcpp": "--maingpu", "text-generation-webui": "LLAMA_ARG_MAIN_GPU"}
WAYS = {
    "nvidia": {"driver": "nvidia", "device_ids": ["1", "0"], "capabilities": ["gpu"]},
    "cdi": {"driver": "cdi", "device_ids": ["nvidia.com/gpu=1", "nvidia.com/gpu=0"], "capabilities": ["gpu"]},
}


@cache
def written(kind: str, way: str, *devices: str) -> tuple[str, str]:
    """The text of compose.yml, and the arguments in the files of the backend."""
    measured = MODELS["llama-3.1-8b"]
    raw, size = header(measured.metadata(), measured.tensors())
    shape = gguf_shape.shape_of(gguf.read(raw, size, name="m.gguf"))
    on = engine(nvidia_runtime=True, cdi_devices=tuple(f"nvidia.com/gpu={one}" for one in ("0", "1", "all")))
    world = replace(
        seen(of=replace(a_model(model_file("m.gguf", size=size)), shape=shape), on=on, gpus=(SMALL, LARGE)),
        ram=Ram(total_mib=64_000, free_mib=60_000),
    )
    spec = wanted(name="chat", backend={"kind": kind}, gpu={"mode": way, "devices": devices})
    plan = a_plan(spec, world)
    return render(plan, template), " ".join(one.reveal() for one in plan.files.values())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", SPLIT)
def test_the_text_is_the_golden_one(kind: str, way: str, request: pytest.FixtureRequest) -> None:
    text, path = written(kind, way, "1", "0")[0], GOLDEN / f"{kind}-{way}.yml"
    if request.config.getoption("--update-goldens"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), "look at the difference, then: pytest --update-goldens"


def test_there_is_no_golden_without_a_case() -> None:
    assert {path.stem for path in GOLDEN.glob("*")} == {f"{kind}-{way}" for kind in SPLIT for way in WAYS}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", SPLIT)
def test_both_are_reserved_in_pci_order_inside_and_layers_are_shared_by_free_memory(kind: str, way: str) -> None:
    backend, words = read(kind, way, "1", "0")
    assert backend["deploy"]["resources"]["reservations"]["devices"] == [WAYS[way]]
    assert backend["environment"]["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    at = words.index(SPLIT[kind]) + 1
    shares = words[at].split(",") if "," in words[at] else words[at : at + 2]
    first, second = map(float, shares)
    assert 0 < first < second  # inside, GPU 0 is the small one, whichever stack.toml names first
    assert (MAIN[kind], "1") in {*pairwise(words), *backend["environment"].items()}


@pytest.mark.parametrize(
    ("way", "devices", "reserved"),
    [
        ("nvidia", ("all",), {"driver": "nvidia", "count": "all"}),
        ("nvidia", ("free",), {"driver": "nvidia", "device_ids": ["GPU-b"]}),
        ("nvidia", ("1",), {"driver": "nvidia", "device_ids": ["1"]}),
        ("cdi", ("all",), {"driver": "cdi", "device_ids": ["nvidia.com/gpu=all"]}),
        ("cdi", ("free",), {"driver": "cdi", "device_ids": ["nvidia.com/gpu=1"]}),
        ("cdi", ("GPU-b",), {"driver": "cdi", "device_ids": ["nvidia.com/gpu=1"]}),
    ],
)
@pytest.mark.parametrize("kind", SPLIT)
def test_one_of_two_is_alone_inside_and_has_no_main_gpu_and_no_share(
    kind: str, way: str, devices: tuple[str, ...], reserved: dict[str, object]
) -> None:
    backend, words = read(kind, way, *devices)
    assert backend["deploy"]["resources"]["reservations"]["devices"] == [{**reserved, "capabilities": ["gpu"]}]
    assert (SPLIT[kind] in words) == ("CUDA_DEVICE_ORDER" in backend.get("environment", {})) == (devices == ("all",))
    assert MAIN[kind] not in {*words, *backend.get("environment", {})}


def read(kind: str, way: str, *devices: str) -> tuple[dict[str, Any], list[str]]:
    """The backend's service as Compose reads it, and all of its arguments."""
    text, arguments = written(kind, way, *devices)
    backend: dict[str, Any] = literal(parse(text))["services"][kind]
    return backend, [*backend.get("command", []), *arguments.split()]
