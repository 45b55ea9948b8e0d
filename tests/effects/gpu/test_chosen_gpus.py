"""From the driver's library to the stack: which of a machine's GPUs are taken, and which code they need."""

from pathlib import Path

import pytest

from stackctl.contracts.host import Gpu
from stackctl.effects.gpu.nvml import Nvidia
from stackctl.errors import GpuError
from tests.core.samples import a_plan, backend_of, seen, wanted
from tests.standins import nvml

MIXED = (
    "mib = 24576,24576,12288,11520", "driver = 570.133.07", "cuda = 12080",
    "0.name = NVIDIA GeForce RTX 3090", "0.compute = 8.6", "0.free_mib = 9000", "0.display = 1",
    "1.name = Tesla P40", "1.compute = 6.1", "1.free_mib = 20000",
    "2.name = NVIDIA GeForce RTX 3060", "2.compute = 8.6", "2.free_mib = 12000",
    "3.name = Tesla K80", "3.compute = 3.7", "3.free_mib = 11000",
)  # fmt: skip


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Gpu, ...]:
    """The GPUs of a machine with four different ones."""
    folder = nvml.build(tmp_path_factory.mktemp("nvml"))
    nvml.answer(folder, *MIXED)
    return Nvidia(lambda _: (), root=Path(folder), places=(f"{folder}/",)).list()


@pytest.mark.parametrize(
    ("devices", "indices"),
    [
        (("free",), [1]),
        (("count:2",), [1, 2]),
        (("not-display", "count:2"), [1, 2]),
        (("2", "0"), [0, 2]),
    ],
)
def test_the_gpus_are_chosen_by_what_the_driver_reports(
    mixed: tuple[Gpu, ...], devices: tuple[str, ...], indices: list[int]
) -> None:
    request = backend_of(a_plan(wanted(gpu={"devices": devices}), seen(gpus=mixed))).gpu
    assert request
    assert [one.index for one in mixed if one.uuid in request.gpus] == indices


def test_the_oldest_of_all_decides_unless_it_is_left_out(mixed: tuple[Gpu, ...]) -> None:
    with pytest.raises(GpuError, match=r"GPU 3 \(Tesla K80\): llama\.cpp's image .* from compute capability 5\.0") as e:
        a_plan(wanted(), seen(gpus=mixed))
    assert 'gpu.devices = ["0", "1", "2"] in stack.toml' in e.value.hint
    assert a_plan(wanted(gpu={"devices": ("0", "1", "2")}), seen(gpus=mixed)).variant == "cuda"
