"""The memory that `models fit` and `models recommend` count with: this machine's, or that of one that is thought of."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import pytest

from stackctl.commands.models.fit import Asked, fit
from stackctl.commands.models.recommend import Asked as Wish
from stackctl.commands.models.recommend import recommend
from stackctl.commands.propose import proposal
from stackctl.contracts.host import Gpu, ReadSpeed
from stackctl.contracts.memory import Device
from stackctl.core.config.spec import Spec
from stackctl.errors import DoesNotFit, GpuError
from stackctl.report.recommend import proposal as described
from tests.commands.machines import Quiet, quiet
from tests.core.samples import ARC_A770, GPU, RADEON_780M, RX_7900_XTX
from tests.fakes import FakeGpus
from tests.shapes.header import sparse
from tests.shapes.measured import MODELS

BROKEN = replace(GPU, total_mib=0, free_mib=0, fault="its driver and library differ", fix="Reboot the machine.")


@dataclass
class Broken(FakeGpus):
    """A GPU that can't be used, maybe beside others. `tries`: how often they were listed."""

    tries: int = 0

    def list(self, *, waits: bool = True, within_s: float | None = None) -> tuple[Gpu, ...]:
        del waits, within_s
        self.tries += 1
        return (*self.found, BROKEN)


@pytest.fixture
def here(tmp_path: Path) -> Quiet:
    return quiet(tmp_path)


@pytest.fixture
def broken() -> Broken:
    return Broken()


@pytest.fixture
def model(tmp_path: Path) -> str:
    eight = MODELS["llama-3.1-8b"]
    return str(sparse(tmp_path / "8B.GGUF", eight.metadata(), eight.tensors()))


def test_on_the_cpu_or_with_the_memory_of_a_gpu_no_driver_is_asked(here: Quiet, broken: Broken, model: str) -> None:
    machine = replace(here.machine, gpus=broken)
    assert fit(machine, model, Asked(device="cpu")).choice.fit.devices == ()
    assert fit(machine, model, Asked(gpu_memory_mib=(24_000, 8_000))).choice.room.gpus_mib == (24_000, 8_000)
    assert recommend(machine, Wish(gpu_memory_mib=(24_000,), ram_mib=64_000)).best.choice.fit.devices
    assert (broken.tries, here.said.getvalue()) == (0, "")


def test_a_driver_that_does_not_answer_is_said_and_the_cpu_is_meant(here: Quiet, broken: Broken, model: str) -> None:
    machine = replace(here.machine, gpus=broken)
    assert fit(machine, model, Asked()).choice.fit.devices == ()
    assert recommend(machine, Wish(folder=Path(model).parent)).best.choice.fit.devices == ()
    said = here.said.getvalue()
    assert said.count("its driver and library differ. This is computed for the CPU") == 2
    assert "--gpu-memory" in said
    assert "--gpu none" not in said
    assert "--cpu" not in said


def test_beside_a_gpu_that_cannot_be_used_the_usable_one_counts(here: Quiet, model: str) -> None:
    machine = replace(here.machine, gpus=Broken(found=(GPU,)))
    assert fit(machine, model, Asked()).choice.room.gpus_mib == (GPU.free_mib,)


def test_a_deploy_that_proposes_a_model_needs_the_driver(here: Quiet, broken: Broken) -> None:
    with pytest.raises(GpuError, match="its driver and library differ") as refused:
        proposal(replace(here.machine, gpus=broken), Spec(), language="en")
    assert "--cpu" in refused.value.hint


def test_the_ram_of_another_machine_counts_instead_of_this_ones(here: Quiet, model: str) -> None:
    found = fit(here.machine, model, Asked(ram_mib=3000)).choice
    assert (found.room.ram_mib, found.room.ram_total_mib, found.fits) == (3000, 3000, False)
    assert fit(here.machine, model, Asked(ram_mib=30_000)).choice.fits
    with pytest.raises(DoesNotFit, match=r"0\.5 GiB of RAM are free"):
        recommend(here.machine, Wish(ram_mib=500))


def test_only_what_belongs_to_this_machine_has_its_bandwidth(here: Quiet, model: str) -> None:
    here.host.speed = ReadSpeed(one_gb_per_s=10, all_gb_per_s=30, cores=8)
    here.gpus.found = (replace(GPU, gb_per_s=936.0),)
    own = fit(here.machine, model, Asked()).choice.room.bandwidths
    assert [(one.gb_per_s, one.source) for one in (*own.gpus, own.ram)] == [(936, "nvml"), (30, "measured")]
    other = fit(here.machine, model, Asked(gpu_memory_mib=(24_000,), ram_mib=64_000)).choice
    assert dict(other.bandwidths)["GPU"].source == other.room.bandwidths.ram.source == "assumed"
    assert here.host.asked.count("read speed") == 1


def test_a_larger_machine_gets_a_larger_model(here: Quiet) -> None:
    small = recommend(here.machine, Wish(gpu_memory_mib=(8_192,), ram_mib=16_384))
    large = recommend(here.machine, Wish(gpu_memory_mib=(24_576, 24_576), ram_mib=65_536))
    assert large.best.size > small.best.size
    assert len(large.best.choice.fit.devices) == 2
    assert "on such a machine" in described(large.best, is_here=large.is_here)[1]


def test_fit_counts_one_request_at_a_time_as_deploy_runs_it(here: Quiet, model: str) -> None:
    assert fit(here.machine, model, Asked()).choice.settings.slots == 1
    one, four = (fit(here.machine, model, Asked(context=8192, parallel=number)).choice.fit.host for number in (1, 4))
    assert four.output_mib == pytest.approx(4 * one.output_mib, abs=0.05)


def test_a_folder_of_files_with_capitals_in_their_ending_is_compared(here: Quiet, model: str) -> None:
    assert recommend(here.machine, Wish(folder=Path(model).parent, ram_mib=30_000)).best.name == "8B.GGUF"


@pytest.mark.parametrize(
    ("devices", "free", "indices"),
    [('["all"]', (9000, 4000, 8000), (0, 1, 2)), ('["2", "1"]', (4000, 8000), (1, 2)), ('["free"]', (9000,), (0,))],
)
def test_the_gpus_are_those_of_stack_toml(
    here: Quiet, model: str, devices: str, free: tuple[int, ...], indices: tuple[int, ...]
) -> None:
    (here.machine.path / "stack.toml").write_text(f"[gpu]\ndevices = {devices}\n", encoding="utf-8")
    mib = (9000, 4000, 8000)
    gpus = tuple(replace(GPU, index=at, uuid=f"GPU-{at}", free_mib=one) for at, one in enumerate(mib))
    room = fit(replace(here.machine, gpus=FakeGpus(found=gpus)), model, Asked()).choice.room
    assert (room.gpus_mib, room.indices) == (free, indices)


def test_a_variable_that_chooses_gpus_for_other_programs_is_named_and_not_obeyed(here: Quiet, model: str) -> None:
    host = replace(here.host, variables={"CUDA_VISIBLE_DEVICES": "1"})
    machine = replace(here.machine, gpus=FakeGpus(found=(GPU, replace(GPU, index=1, uuid="GPU-2"))), host=host)
    assert len(fit(machine, model, Asked()).choice.room.gpus_mib) == 2
    assert "CUDA_VISIBLE_DEVICES='1' is set here and not obeyed: gpu.devices decides" in here.said.getvalue()


@pytest.mark.parametrize(
    ("device", "free"),
    [(None, (11_800,)), ("cuda", (11_800,)), ("rocm", (23_000,)), ("vulkan", (11_800, 23_000, 16_384)), ("cpu", ())],
)
def test_the_memory_is_that_of_the_gpus_on_which_the_device_computes(
    here: Quiet, model: str, device: Device | None, free: tuple[int, ...]
) -> None:
    """Vulkan counts every make; a GPU that shares the machine's memory is left out beside others."""
    here.gpus.found = (GPU, RADEON_780M, RX_7900_XTX, ARC_A770)
    assert fit(here.machine, model, Asked(device=device)).choice.room.gpus_mib == free
    wish = Wish(folder=Path(model).parent, device=device, has_gpu=device != "cpu", ram_mib=30_000)
    assert recommend(here.machine, wish).room.gpus_mib == free


def test_the_sum_for_rocm_has_a_context_of_its_driver_as_for_cuda_and_that_for_vulkan_has_none(
    here: Quiet, model: str
) -> None:
    def overhead(device: Device) -> float:
        found = fit(here.machine, model, Asked(device=device, gpu_memory_mib=(24_000,)))
        return found.choice.fit.devices[0].overhead_mib

    assert [overhead(device) for device in get_args(Device)[:-1]] == [500, 500, 0]


def test_a_proposal_counts_with_the_gpu_that_gpu_mode_names(here: Quiet) -> None:
    here.gpus.found = (RX_7900_XTX,)
    assert proposal(here.machine, Spec(), language="en").room.gpus_mib == ()
    by_vulkan = Spec.model_validate({"gpu": {"mode": "vulkan"}})
    assert proposal(here.machine, by_vulkan, language="en").room.gpus_mib == (23_000,)
