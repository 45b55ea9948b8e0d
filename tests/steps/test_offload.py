"""What the GPUs hold before a start and after it, and what a start makes of that."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path, PurePosixPath

import pytest

from stackctl.contracts.host import Gpu
from stackctl.core.model import gguf, gguf_shape
from stackctl.core.model.shape import Shape
from stackctl.core.observed import Observed, Ram
from stackctl.core.plan.stack import Plan
from stackctl.errors import GpuError
from stackctl.orchestrators.compose import render
from stackctl.steps.offload import say_offload
from stackctl.steps.start import Started, start
from tests.commands.engines import Stage, container, quiet_stage
from tests.commands.machines import Quiet
from tests.core.samples import CDI, GPU, a_plan, engine, model, model_file, rendered, seen, wanted
from tests.fakes import FakeGpus
from tests.shapes.header import header
from tests.shapes.measured import MODELS

BACKEND = "llamacpp"
SECOND = replace(GPU, index=1, uuid="GPU-77", name="RTX 3090", total_mib=24576, free_mib=24000)
REPORT = ("load_tensors: offloaded 33/33 layers to GPU",)
RUNS = replace(container(BACKEND, state="running"), gpu_drivers=("cdi",), pid=4242)
OLD = replace(RUNS, container="old", pid=41, started_at=0.5)


@cache
def shape() -> Shape | None:
    raw, size = header(MODELS["llama-3.1-8b"].metadata(), MODELS["llama-3.1-8b"].tensors())
    return gguf_shape.shape_of(gguf.read(raw, size, name="m"))


@dataclass
class Filling(FakeGpus):
    """GPUs whose free memory is another at each look; held: by process id."""

    free: Iterator[tuple[int, ...]] = field(default_factory=lambda: iter(()))
    by_process: dict[int, dict[str, int]] = field(default_factory=dict)

    def list(self, *, waits: bool = True, within_s: float | None = None) -> tuple[Gpu, ...]:
        del waits, within_s
        free = next(self.free)
        return tuple(replace(one, free_mib=mib) for one, mib in zip(self.found, free, strict=True))

    def held(self, container: int) -> dict[str, int]:
        return self.by_process.get(container, {})


def world(folder: Path, *gpus: Gpu) -> Observed:
    (folder / "tiny.gguf").touch()
    file = model_file(host=str(folder / "tiny.gguf"), size=4_920_000_000)
    found = seen(of=replace(model(file), shape=shape()), on=engine(cdi_devices=CDI), gpus=gpus)
    return replace(found, folder=PurePosixPath(folder), ram=Ram(total_mib=64_000, free_mib=60_000))


def started(
    folder: Path,
    *free: tuple[int, ...],
    gpus: tuple[Gpu, ...] = (GPU,),
    held: dict[int, dict[str, int]] | None = None,
    log: tuple[str, ...] = REPORT,
    replaces: bool = False,
    is_wsl: bool = False,
) -> tuple[Started, Plan, Quiet, Stage]:
    """Start a model of 4.9 GB on these GPUs; free: of each, before and after."""
    spec, found = wanted(gpu={"mode": "cdi"}), world(folder, *gpus)
    (folder / render.FILE).write_text(rendered(spec, found))
    stage = Stage(ends={BACKEND: RUNS}, logs={BACKEND: log}, states_={BACKEND: OLD} if replaces else {})
    here = quiet_stage(folder, stage)
    machine = replace(
        here.machine,
        host=replace(here.host, is_windows=is_wsl),
        gpus=Filling(found=gpus, free=iter(free), by_process=held or {}),
    )
    plan = a_plan(spec, found)
    return start(plan, machine, timeout_s=20), plan, here, stage


def test_the_drivers_difference_lies_beside_the_sum(tmp_path: Path) -> None:
    done, plan, here, _ = started(tmp_path, (11800,), (5700,))
    assert done.offload
    (gpu,) = done.offload.gpus
    assert plan.memory
    assert gpu.planned_mib == round(plan.memory.fit.devices[0].total_mib)
    assert (gpu.before_mib, gpu.after_mib, gpu.held_mib, gpu.seen_mib) == (11800, 5700, None, 6100)
    say_offload(plan, done.offload, done.buffers, here.machine)
    said = here.said.getvalue()
    assert f"33 of 33 layers on the GPU, 6100 MiB of RTX 3060 ({gpu.planned_mib} planned)" in said


def test_processes_count_before_the_free_memory(tmp_path: Path) -> None:
    done, *_ = started(tmp_path, (11800,), (500,), held={4242: {GPU.uuid: 6200}})
    assert done.offload
    assert done.offload.gpus[0].seen_mib == 6200


def test_what_the_replaced_backend_held_counts_as_free(tmp_path: Path) -> None:
    done, *_ = started(tmp_path, (5700,), (5600,), held={41: {GPU.uuid: 6000}}, replaces=True)
    assert done.offload
    assert (done.offload.gpus[0].before_mib, done.offload.gpus[0].seen_mib) == (11700, 6100)


def test_where_the_driver_does_not_tell_what_the_replaced_one_held_nothing_is_claimed(tmp_path: Path) -> None:
    done, _, here, _ = started(tmp_path, (5700,), (5600,), replaces=True, log=("nothing",))
    assert done.offload
    assert done.offload.gpus[0].seen_mib is None
    assert "it is not proven that layers are on the GPU" in here.said.getvalue()


def test_without_a_report_memory_that_was_not_taken_is_exit_5_and_the_backend_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(
        GpuError, match=r"llamacpp computes on the CPU, .*: the GPU holds 50 MiB for the backend, and \d+ were planned"
    ):
        started(tmp_path, (11800,), (11750,), log=("nothing",))
    with pytest.raises(GpuError) as caught:
        started(tmp_path, (11800, 24000), (11800, 24000), gpus=(GPU, SECOND), log=("nothing",))
    assert caught.value.exit_code == 5
    assert "--gpu none" in caught.value.hint


def test_each_of_two_gpus_has_its_own_figures(tmp_path: Path) -> None:
    done, plan, here, _ = started(tmp_path, (11800, 24000), (9600, 19300), gpus=(GPU, SECOND))
    assert done.offload
    assert [(one.uuid, one.seen_mib) for one in done.offload.gpus] == [(GPU.uuid, 2200), (SECOND.uuid, 4700)]
    assert None not in [one.planned_mib for one in done.offload.gpus]
    say_offload(plan, done.offload, done.buffers, here.machine)
    assert "GPU 1 (RTX 3090)" in here.said.getvalue()


def test_under_wsl_memory_that_the_driver_put_into_ram_is_said(tmp_path: Path) -> None:
    done, plan, here, _ = started(tmp_path, (3000,), (30,), is_wsl=True)
    say_offload(plan, done.offload, done.buffers, here.machine)
    assert "the driver under WSL has put the rest into RAM" in here.said.getvalue()


def test_a_backend_that_runs_on_is_not_looked_at(tmp_path: Path) -> None:
    done, *_ = started(tmp_path, (5700,), (5700,))
    assert done.offload
    spec, found = wanted(gpu={"mode": "cdi"}), world(tmp_path, GPU)
    stage = Stage(ends={BACKEND: RUNS}, logs={BACKEND: ("nothing",)}, states_={BACKEND: RUNS})
    here = quiet_stage(tmp_path, stage)
    machine = replace(here.machine, gpus=Filling(found=(GPU,), free=iter([(9,), (9,)])))
    assert start(a_plan(spec, found), machine, timeout_s=20).offload is None
