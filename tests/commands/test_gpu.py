"""`stackctl gpu`: each layer broken in turn, and what there is without a GPU, an engine or an image."""

from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.commands.gpu import GpuLook, gpu
from stackctl.contracts.gpu_trial import GpuTrial, Inside
from stackctl.contracts.host import Cpu, Gpu, GpuHolder, GpuReading
from stackctl.core.gpu.layers import State
from stackctl.core.observed import EngineSeen
from stackctl.errors import EngineError, GpuError
from stackctl.report.gpu import gpu as report
from tests.commands.machines import Quiet, quiet
from tests.core.samples import CDI, GPU, engine
from tests.fakes import FakeDocker, FakeGpus, FakeImages

IMAGE = "localhost/stackctl/llamacpp:debian"
SEES = Inside(nodes=("/dev/nvidiactl", "/dev/nvidia0"))
WORKS = GpuTrial(drivers=("nvidia",), inside=SEES)
REFUSED = GpuTrial(drivers=("nvidia",), refusal='could not select device driver "nvidia"')


def machine(folder: Path, trial: GpuTrial = WORKS, *, images: tuple[str, ...] = (IMAGE,), **offers: object) -> Quiet:
    """A machine with one GPU, an image, and an engine that does this with a container that requests the GPU."""
    here = quiet(folder)
    here.gpus.found = (GPU,)
    here.docker.images = FakeImages(here=dict.fromkeys(images, "sha256:1"))
    here.docker.seen = engine((29, 7, 2), **{"nvidia_runtime": True, **offers})  # type: ignore[arg-type] # its own names
    here.docker.trials = {"nvidia": trial}
    return here


def look(here: Quiet, mode: str | None = None) -> GpuLook:
    return gpu(here.machine, {"gpu.mode": mode})


def states(found: GpuLook) -> tuple[State, ...]:
    assert [one.layer for one in found.layers] == ["driver", "engine", "container", "program"]
    return tuple(one.state for one in found.layers)


def test_all_layers_work_and_the_exit_code_is_zero(tmp_path: Path) -> None:
    here = machine(tmp_path)
    found = look(here)
    assert (states(found), found.exit_code) == (("works", "works", "works", "not tried"), 0)
    assert here.docker.asked == [f"GPU by nvidia with {IMAGE}"]
    assert here.gpus.woken == [False]
    assert list(tmp_path.iterdir()) == []


def test_a_machine_without_a_gpu_is_no_fault_and_nothing_is_tried(tmp_path: Path) -> None:
    here = machine(tmp_path)
    here.gpus.found = ()
    found = look(here)
    assert (states(found), found.exit_code, here.docker.asked) == (("not tried",) * 4, 0, [])


def test_without_an_image_the_container_is_not_tried_and_nothing_is_pulled(tmp_path: Path) -> None:
    here = machine(tmp_path, images=())
    found = look(here)
    assert (states(found), found.exit_code) == (("works", "not tried", "not tried", "not tried"), 0)
    assert "`stackctl deploy` brings it" in found.layers[2].says
    assert here.docker.asked == here.docker.images.done == []


class Unread(FakeGpus):
    def read(self, *, wakes: bool = True) -> tuple[GpuReading, ...]:
        del wakes
        raise GpuError("the NVIDIA GPU can't be used: it has fallen off the bus", hint="Reboot the machine.")


def test_the_only_gpu_is_named_even_if_its_driver_reads_nothing_of_it(tmp_path: Path) -> None:
    here = machine(tmp_path)
    lost = replace(GPU, fault="it has fallen off the bus", fix="Reboot the machine.")
    found = gpu(replace(here.machine, gpus=Unread(found=(lost,))), {})
    assert (found.gpus, found.exit_code) == ((lost,), 5)
    assert found.fault
    assert GPU.name in found.fault.says
    assert "no GPU is known" not in report(found, here.machine.ui)[0]


def test_a_driver_that_lists_its_gpu_and_then_fails_is_the_fault(tmp_path: Path) -> None:
    here = machine(tmp_path)
    found = gpu(replace(here.machine, gpus=Unread(found=(GPU,))), {})
    assert (found.gpus, states(found)[0], found.exit_code) == ((GPU,), "fails", 5)


class Broken(FakeGpus):
    def list(self, *, waits: bool = True, within_s: float | None = None) -> tuple[Gpu, ...]:
        del waits, within_s
        raise GpuError("the NVIDIA driver does not answer", hint="Reboot.", evidence=("Unknown Error",))


def test_a_driver_that_does_not_answer_is_the_first_fault(tmp_path: Path) -> None:
    here = machine(tmp_path)
    found = gpu(replace(here.machine, gpus=Broken()), {})
    assert (states(found), found.exit_code) == (("fails", "not tried", "not tried", "not tried"), 5)
    assert found.fault
    assert found.fault.evidence == ("Unknown Error",)


class Listed(FakeGpus):
    def read(self, *, wakes: bool = True) -> tuple[GpuReading, ...]:
        del wakes
        raise GpuError("the NVIDIA GPU can't be used: it hangs", hint="Reboot.")


def test_cards_that_can_not_be_read_are_listed_all_the_same_with_the_fault_once(tmp_path: Path) -> None:
    here = machine(tmp_path)
    broken = replace(GPU, pci="0000:01:00.0", fault="it hangs", fix="Reboot.")
    text, _ = report(gpu(replace(here.machine, gpus=Listed(found=(broken,))), {}), here.machine.ui)
    assert "no GPU is known" not in text
    assert text.count(f"the GPU {GPU.name} at 0000:01:00.0 can't be used: it hangs") == 1
    assert "container  not tried  the driver comes first" in text


def test_no_gpu_is_known_is_not_said_beside_a_driver_that_fails(tmp_path: Path) -> None:
    here = machine(tmp_path)
    text, _ = report(gpu(replace(here.machine, gpus=Broken()), {}), here.machine.ui)
    assert "no GPU is known" not in text
    here.gpus.found = ()
    assert report(look(here), here.machine.ui)[0].startswith("no GPU is known on this machine\n")


def test_a_gpu_that_its_driver_can_not_use_is_the_first_fault_and_the_others_are_tried(tmp_path: Path) -> None:
    here = machine(tmp_path)
    lost = replace(GPU, index=1, uuid="GPU-2", fault="it has fallen off the bus", fix="Reboot the machine.")
    here.gpus.found = (GPU, lost)
    found = look(here)
    assert (states(found), found.exit_code) == (("fails", "works", "works", "not tried"), 5)
    assert found.fault
    assert (found.fault.layer, found.fault.hint) == ("driver", "Reboot the machine.")


def test_an_engine_without_the_driver_is_named_with_its_fix(tmp_path: Path) -> None:
    here = machine(tmp_path, REFUSED)
    found = look(here)
    assert (states(found), found.exit_code) == (("works", "fails", "not tried", "not tried"), 5)
    text, _ = report(found, here.machine.ui)
    assert text.splitlines()[-2].startswith("hint: Install the NVIDIA Container Toolkit, then run")
    assert text.splitlines()[-1] == "more: `stackctl explain gpu-not-offered`"
    assert here.docker.asked == [f"GPU by nvidia with {IMAGE}"]  # it has no CDI device, so there is no other way


def test_the_other_way_is_offered_where_it_works_and_only_there(tmp_path: Path) -> None:
    here = machine(tmp_path, REFUSED, cdi_devices=CDI)
    found = look(here)
    assert found.fault
    assert found.fault.hint.startswith(
        "Run `stackctl deploy --gpu cdi`, which works here. Install the NVIDIA Container"
    )
    assert here.docker.asked == [f"GPU by nvidia with {IMAGE}", f"GPU by cdi with {IMAGE}"]
    here.docker.trials["cdi"] = GpuTrial(drivers=("cdi",), inside=Inside())
    found = look(here)
    assert found.fault
    assert found.fault.hint.startswith("Install the NVIDIA Container Toolkit")


def test_a_container_that_was_granted_the_gpu_and_lacks_it_is_the_fault(tmp_path: Path) -> None:
    found = look(machine(tmp_path, GpuTrial(drivers=("nvidia",), inside=Inside())))
    assert (states(found), found.exit_code) == (("works", "works", "fails", "not tried"), 5)


def test_a_mode_that_the_engine_is_known_to_lack_is_its_fault_without_a_container(tmp_path: Path) -> None:
    here = machine(tmp_path)
    found = look(here, "cdi")
    assert (states(found), found.exit_code, here.docker.asked) == (("works", "fails", "not tried", "not tried"), 5, [])
    assert found.fault
    assert "the engine has no CDI device nvidia.com/gpu=" in found.fault.says


class Silent(FakeDocker):
    def look(self, compose_argv: tuple[str, ...], compose_version: tuple[int, ...]) -> EngineSeen:
        del compose_argv, compose_version
        raise EngineError("the container engine does not answer", hint="Restart it.")


@pytest.mark.parametrize(("gpus", "state", "code"), [((GPU,), "fails", 5), ((), "not tried", 0)])
def test_an_engine_that_does_not_answer_is_a_fault_where_there_is_a_gpu(
    tmp_path: Path, gpus: tuple[Gpu, ...], state: State, code: int
) -> None:
    here = machine(tmp_path)
    here.gpus.found = gpus
    found = gpu(replace(here.machine, docker=Silent()), {})
    assert (states(found)[1:], found.exit_code) == ((state, "not tried", "not tried"), code)


def test_the_engine_of_another_machine_has_other_gpus_than_this_one(tmp_path: Path) -> None:
    here = machine(tmp_path)
    here.docker.seen = replace(here.docker.seen, is_local=False)
    found = look(here)
    assert (found.gpus, states(found), found.exit_code) == ((), ("not tried",) * 4, 0)
    assert states(look(here, "nvidia")) == ("not tried", "works", "works", "not tried")


def test_what_drivers_and_programs_write_harms_no_terminal_and_is_bounded(tmp_path: Path) -> None:
    here = machine(tmp_path, GpuTrial(drivers=("nvidia",), refusal="new\x1b[2J " + "x" * 90))
    here.gpus.found = (replace(GPU, name="RTX\x1b]0;a\x07 3060"),)
    holders = tuple(GpuHolder(pid=pid, name="\x1b[1m" + "n" * 9000, mib=1) for pid in range(900))
    here.gpus.readings = (GpuReading(uuid=GPU.uuid, total_mib=12288, free_mib=1, holders=holders),)
    text, values = report(look(here), here.machine.ui)
    assert "\x1b" not in text
    assert len(values["gpus"][0]["processes"]) == text.count("held by") == 32
    assert len(text) < 20_000


def test_the_place_where_all_this_runs_is_named(tmp_path: Path) -> None:
    here = machine(tmp_path)
    assert look(here).surroundings == ()
    here.docker.view, here.host.container_, here.host.hypervisor_ = "snap", "lxc", "QEMU/KVM"
    here.docker.seen = replace(here.docker.seen, is_rootless=True)
    here.host.processor = Cpu(avx2=False)
    found = look(here)
    text, values = report(found, here.machine.ui)
    for words in ("Docker from a snap", "rootless", "lxc", "QEMU/KVM may hide it"):
        assert words in " ".join(text.split())
    assert values["surroundings"] == list(found.surroundings)
