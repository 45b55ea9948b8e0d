"""NVIDIA GPUs by NVML: a stand-in library, loaded by pynvml in the process that asks, as it would the driver's."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from stackctl.contracts.host import Gpu, GpuHolder, GpuReading
from stackctl.effects.gpu.nvml import Nvidia, bandwidth
from stackctl.errors import GpuError
from tests.effects.gpu.test_pci_cards import add
from tests.standins import nvml

Asks = Callable[..., Nvidia]


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nvml.build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def asks(library: Path, tmp_path: Path) -> Asks:
    """NVIDIA's GPUs of a machine whose files are below the test's folder, by a driver that answers with the lines."""
    shutil.copy(library / nvml.LIBRARY, tmp_path)

    def made(
        *lines: str,
        patience_s: float = 20,
        shown_s: float = 20,
        note: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = lambda: 0.0,
        own: Iterable[int] = (),
    ) -> Nvidia:
        nvml.answer(tmp_path, *lines)
        places = (f"{tmp_path}/",)
        patience = (patience_s, patience_s, shown_s)
        return Nvidia(lambda _: own, root=tmp_path, places=places, patience_s=patience, note=note, clock=clock)

    return made


def card(root: Path, pci: str, driver: str = "nvidia", **more: str) -> None:
    """Put a card of NVIDIA's on the machine's bus."""
    add(root / "sys", pci, "0x10de", driver=driver, **more)


def module(root: Path, version: str) -> None:
    """Load NVIDIA's kernel module, which makes its device file."""
    for name, text in {"sys/module/nvidia/version": f"{version}\n", "dev/nvidiactl": ""}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


RTX_3090 = (
    "mib = 24576", "driver = 550.54.14", "cuda = 12040", "name = NVIDIA GeForce RTX 3090", "compute = 8.6",
    "bits = 384", "mhz = 9751", "display = 1", "utilisation = 87", "temperature = 71", "power = 348600",
    "power_limit = 350000",
    "free_mib = 20000", "pci = 00000000:65:00.0", "uuid = GPU-5d0c", "throttled = 69",
)  # fmt: skip


def test_a_gpu_is_known_with_all_that_its_driver_tells(asks: Asks) -> None:
    assert asks(*RTX_3090, "0.pci = 00000000:65:00.0").list() == (
        Gpu(
            index=0, uuid="GPU-5d0c", name="NVIDIA GeForce RTX 3090", total_mib=24576, free_mib=20000, cuda=(12, 4),
            gb_per_s=936.1, pci="0000:65:00.0", driver="550.54.14", compute=(8, 6), has_display=True,
        ),
    )  # fmt: skip


def test_a_reading_tells_what_a_gpu_does_and_who_holds_it(asks: Asks) -> None:
    pid = os.getpid()
    holder = (f"held = {pid}", "drawn = 4000000", "held_mib = 2048")
    (found,) = asks(*RTX_3090, "0.pci = 00000000:65:00.0", *holder).read()
    assert found == GpuReading(
        uuid="GPU-5d0c", name="NVIDIA GeForce RTX 3090", pci="0000:65:00.0", total_mib=24576, free_mib=20000,
        utilisation=87, temperature_c=71,
        power_w=348.6, power_limit_w=350.0, throttled=("power limit", "temperature"),
        holders=(
            GpuHolder(pid=pid, name=Path(f"/proc/{pid}/comm").read_text().strip(), mib=2048),
            GpuHolder(pid=4000000, name="", mib=2048),  # it has ended
        ),
    )  # fmt: skip


@pytest.mark.parametrize("mib", [(), (24576,), (24576, 24576), (24576, 8192, 24576, 12288), (81920,) * 8])
def test_every_gpu_of_a_machine_is_listed_with_its_memory(asks: Asks, mib: tuple[int, ...]) -> None:
    found = asks(f"mib = {','.join(map(str, mib))}").list()
    assert [(one.index, one.total_mib, one.free_mib) for one in found] == [
        (index, one, one // 4 * 3) for index, one in enumerate(mib)
    ]
    assert len({one.uuid for one in found}) == len({one.pci for one in found}) == len(mib)


def test_a_driver_that_tells_little_leaves_the_rest_open(asks: Asks) -> None:
    machine = asks("mib = 2048")
    (gpu,), (reading,) = machine.list(), machine.read()
    assert (gpu.cuda, gpu.gb_per_s, gpu.driver, gpu.compute, gpu.has_display) == ((), 0.0, "", (), False)
    assert (reading.utilisation, reading.temperature_c, reading.power_w, reading.power_limit_w) == (None,) * 4


def test_a_gpu_without_memory_for_itself_is_a_gpu(asks: Asks) -> None:
    (found,) = asks("mib = 1", "unified = 1").list()
    assert (found.total_mib, found.free_mib, found.is_unified, found.fault) == (0, 0, True, "")


@pytest.mark.parametrize(("said", "cuda"), [("12040", (12, 4)), ("11080", (11, 8)), ("13000", (13, 0)), ("0", ())])
def test_the_drivers_cuda_is_known_where_it_says_it(asks: Asks, said: str, cuda: tuple[int, ...]) -> None:
    (found,) = asks("mib = 12288", f"cuda = {said}").list()
    assert found.cuda == cuda


@pytest.mark.parametrize(
    ("bits", "mhz", "published"),  # by NVIDIA's data sheets
    [
        (384, 3615, 346),  # Tesla P40, GDDR5
        (256, 5005, 320),  # GTX 1080, GDDR5X
        (4096, 877, 900),  # V100, HBM2
        (256, 5001, 320),  # T4, GDDR6
        (192, 7501, 360),  # RTX 3060, GDDR6
        (384, 9751, 936),  # RTX 3090, GDDR6X
        (384, 10501, 1008),  # RTX 4090, GDDR6X
        (128, 9001, 288),  # RTX 4060 Ti, GDDR6
        (512, 14001, 1792),  # RTX 5090, GDDR7
        (192, 6251, 300),  # L4, GDDR6
        (5120, 1593, 2039),  # A100 80GB, HBM2e
        (5120, 2619, 3350),  # H100 SXM, HBM3
        (6144, 3201, 4800),  # H200, HBM3e
    ],
)
def test_a_gpus_bandwidth_follows_from_its_bus_and_clock(bits: int, mhz: int, published: float) -> None:
    assert bandwidth(bits, mhz) == pytest.approx(published, rel=0.03)


# -- no driver, and drivers that fail


@pytest.mark.parametrize("code", [9, 12])  # driver not loaded, its library not found
def test_where_no_card_is_a_driver_that_does_not_run_is_no_gpu(asks: Asks, code: int) -> None:
    assert asks("mib = 12288", f"nvmlInitWithFlags = {code}").list() == ()


def test_without_the_drivers_library_no_process_asks(tmp_path: Path) -> None:
    (tmp_path / nvml.LIBRARY).write_text("not a library")
    machine = Nvidia(lambda _: (), root=tmp_path, places=(f"{tmp_path}/",))
    assert (machine.list(), machine.read(), machine.held(1)) == ((), (), {})
    assert machine._process is None


@pytest.mark.parametrize(
    ("code", "fault", "fix"),
    [
        (4, "may not open /dev/nvidiactl", "video"),
        (10, "gave up waiting", "Reboot"),
        (11, "interrupts", "BIOS"),
        (15, "fallen off the bus", "Reboot"),
        (17, "system refuses", "/dev/nvidia*"),
        (18, "driver/library version mismatch", "modprobe -r"),
        (99, "NVML's error 99", "Reboot"),
        (999, "Unknown Error", "nvidia_uvm"),
    ],
)
def test_a_driver_that_fails_makes_each_card_unusable_with_its_fix(
    asks: Asks, tmp_path: Path, code: int, fault: str, fix: str
) -> None:
    card(tmp_path, "0000:01:00.0")
    card(tmp_path, "0000:02:00.0")
    module(tmp_path, "535.161.08")
    found = asks("mib = 12288,24576", f"nvmlInitWithFlags = {code}").list()
    assert [one.pci for one in found] == ["0000:01:00.0", "0000:02:00.0"]
    for one in found:
        assert fault in one.fault
        assert fix in one.fix
        assert (one.total_mib, one.index) == (0, -1)


def test_a_driver_that_fails_is_no_machine_without_gpus_even_where_the_bus_is_hidden(asks: Asks) -> None:
    (found,) = asks("nvmlInitWithFlags = 999").list()
    assert "Unknown Error" in found.fault


@pytest.mark.parametrize(
    ("function", "code"),
    [
        ("nvmlDeviceGetHandleByIndex_v2", 15),
        ("nvmlDeviceGetHandleByIndex_v2", 999),
        ("nvmlDeviceGetHandleByIndex_v2", 8),
        ("nvmlDeviceGetUUID", 15),
        ("nvmlDeviceGetMemoryInfo", 999),
        ("nvmlDeviceGetTemperature", 15),
        ("nvmlDeviceGetComputeRunningProcesses_v3", 16),
    ],
)
def test_one_gpu_that_fails_leaves_the_others_usable(asks: Asks, tmp_path: Path, function: str, code: int) -> None:
    for number in (1, 2, 3):
        card(tmp_path, f"0000:0{number}:00.0")
    module(tmp_path, "550.54.14")
    machine = asks("mib = 24576,24576,8192", f"1.{function} = {code}")
    assert [(one.index, one.pci, bool(one.fault), bool(one.fix)) for one in machine.list()] == [
        (0, "0000:01:00.0", False, False), (1, "0000:02:00.0", True, True), (2, "0000:03:00.0", False, False),
    ]  # fmt: skip
    assert [one.pci for one in machine.read()] == ["0000:01:00.0", "0000:03:00.0"]


@pytest.mark.parametrize(
    "function",
    [
        "nvmlSystemGetCudaDriverVersion", "nvmlSystemGetDriverVersion", "nvmlDeviceGetCudaComputeCapability",
        "nvmlDeviceGetMemoryBusWidth", "nvmlDeviceGetUtilizationRates", "nvmlDeviceGetPowerUsage",
        "nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetCurrentClocksThrottleReasons",
    ],
)  # fmt: skip
@pytest.mark.parametrize("code", [3, 4, 13, 999])  # not supported, no permission, no such function, unknown
def test_a_gpu_is_usable_without_what_its_driver_does_not_tell(asks: Asks, function: str, code: int) -> None:
    machine = asks(*RTX_3090, f"{function} = {code}")
    assert [(one.total_mib, one.fault) for one in machine.list()] == [(24576, "")]
    assert len(machine.read()) == 1


# -- a driver that hangs


@pytest.mark.parametrize("function", ["nvmlInitWithFlags", "nvmlDeviceGetUUID"])
def test_a_driver_that_hangs_is_left_behind_and_named(asks: Asks, tmp_path: Path, function: str) -> None:
    card(tmp_path, "0000:01:00.0")
    machine = asks("mib = 24576", f"{function} = hang", patience_s=0.5)
    (found,) = machine.list()
    assert "does not answer in time" in found.fault
    assert "Reboot" in found.fix
    nvml.answer(tmp_path, "mib = 24576")
    with pytest.raises(GpuError, match="does not answer in time") as refused:  # each question would take as long
        machine.read()
    assert refused.value.hint.startswith("Reboot")
    assert machine.held(1) == {}


def test_a_slow_driver_is_waited_for_by_a_deploy_and_named_at_once_where_it_is_only_shown(
    asks: Asks, tmp_path: Path
) -> None:
    card(tmp_path, "0000:01:00.0")
    said: list[str] = []
    machine = asks("mib = 24576", "nvmlInitWithFlags = hang", patience_s=1.5, shown_s=0.1, note=said.append)
    (found,) = machine.list(waits=False)
    assert "does not answer at once" in found.fault
    with pytest.raises(GpuError, match="does not answer at once"):  # of the same question: it is not waited for again
        machine.read(wakes=False)
    assert not said
    (found,) = machine.list()
    assert "does not answer in time" in found.fault
    assert said == ["waiting for the NVIDIA driver, which starts its GPUs or hangs"]


def test_a_late_answer_is_taken_and_the_next_question_gets_its_own(asks: Asks, tmp_path: Path) -> None:
    machine = asks("mib = 24576", "0.nvmlDeviceGetUUID = slow", shown_s=0.1)
    (found,) = machine.list(waits=False)
    assert "does not answer at once" in found.fault
    nvml.answer(tmp_path, "mib = 24576,8192")  # the call that waits returns
    assert [(one.total_mib, one.fault) for one in machine.list()] == [(24576, ""), (8192, "")]
    assert len(machine.read()) == 2


def test_nonsense_of_a_driver_is_left_out(asks: Asks) -> None:
    (found,) = asks(
        "mib = 24576", "pci = zz:\x1b", "0.pci = zz:01:00.0", "uuid = GPU-\x1b[31m\a", "free_mib = 99999999"
    ).list()
    assert (found.pci, found.uuid, found.free_mib, found.fault) == ("", "GPU-[31m", 24576, "")


def test_a_gpu_whose_program_ends_when_asked_is_unusable(asks: Asks, tmp_path: Path) -> None:
    card(tmp_path, "0000:01:00.0")
    machine = asks("mib = 24576", "nvmlInitWithFlags = crash")
    (found,) = machine.list()
    assert "ended the process" in found.fault


def test_a_reading_of_a_lost_gpu_names_it_and_one_beside_others_is_left_out(asks: Asks) -> None:
    with pytest.raises(GpuError, match="fallen off the bus"):
        asks("mib = 24576", "nvmlDeviceGetMemoryInfo = 15").read()
    assert len(asks("mib = 24576,24576", "0.nvmlDeviceGetMemoryInfo = 15").read()) == 1


def test_a_process_that_was_ended_is_started_again(asks: Asks) -> None:
    machine = asks("mib = 24576")
    machine.list()
    assert machine._process
    machine._process.close()
    assert len(machine.read()) == 1


# -- cards on the bus


@pytest.mark.parametrize(
    ("driver", "loaded", "fault", "fix"),
    [
        ("nouveau", "", "nouveau has it", "Install NVIDIA's own driver"),
        ("", "", "its kernel module is not loaded", "sudo modprobe nvidia"),
        ("", "580.95.05", "580.95.05 does not take it", "Install the driver that NVIDIA names"),
    ],
)
def test_a_card_that_nvidias_driver_does_not_have_is_a_gpu_that_cannot_be_used(
    asks: Asks, tmp_path: Path, driver: str, loaded: str, fault: str, fix: str
) -> None:
    card(tmp_path, "0000:01:00.0", driver=driver)
    if loaded:
        module(tmp_path, loaded)
    (found,) = asks(f"nvmlInitWithFlags = {0 if loaded else 9}").list()
    assert (found.pci, found.make) == ("0000:01:00.0", "nvidia")
    assert fault in found.fault
    assert fix in found.fix


@pytest.mark.parametrize(
    ("driver", "loaded", "container", "fault", "fix"),
    [
        ("", "", "", "no driver for it is installed", "Install the NVIDIA driver"),
        ("nouveau", "", "", "nouveau has it", "Install NVIDIA's own driver"),
        ("nvidia", "550.54.14", "", "its library libnvidia-ml.so.1 is missing", "same version"),
        ("nvidia", "550.54.14", "lxc", "this lxc container has no /dev/nvidiactl", "Pass /dev/nvidiactl"),
    ],
)
def test_a_card_without_the_drivers_library_is_a_gpu_that_cannot_be_used(
    tmp_path: Path, driver: str, loaded: str, container: str, fault: str, fix: str
) -> None:
    card(tmp_path, "0000:01:00.0", driver=driver)
    if loaded:
        module(tmp_path, loaded)
    if container:
        (tmp_path / "run/systemd").mkdir(parents=True)
        (tmp_path / "run/systemd/container").write_text(container)
        (tmp_path / "dev/nvidiactl").unlink()
    (found,) = Nvidia(lambda _: (), root=tmp_path, places=("/nowhere/",)).list()
    assert fault in found.fault
    assert fix in found.fix


def test_an_lxc_container_needs_the_file_without_which_cuda_does_not_start(asks: Asks, tmp_path: Path) -> None:
    (tmp_path / "run/systemd").mkdir(parents=True)
    (tmp_path / "run/systemd/container").write_text("lxc\n")
    machine = asks("mib = 24576")
    (found,) = machine.list()
    assert "has no /dev/nvidia-uvm" in found.fault
    assert "modprobe nvidia_uvm" in found.fix
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidia-uvm").touch()
    assert [one.fault for one in machine.list()] == [""]


def test_a_second_card_that_the_driver_does_not_have_is_listed_behind_the_usable_one(
    asks: Asks, tmp_path: Path
) -> None:
    card(tmp_path, "0000:01:00.0")
    card(tmp_path, "0000:02:00.0", driver="nouveau")
    module(tmp_path, "550.54.14")
    assert [(one.pci, one.index, bool(one.fault)) for one in asks("mib = 24576").list()] == [
        ("0000:01:00.0", 0, False),
        ("0000:02:00.0", -1, True),
    ]


def test_a_card_that_is_kept_for_virtual_machines_is_no_gpu_of_this_machine(asks: Asks, tmp_path: Path) -> None:
    card(tmp_path, "0000:01:00.0", driver="vfio-pci")
    assert asks("nvmlInitWithFlags = 9").list() == ()
    assert [one.driver for one in asks().cards()] == ["vfio-pci"]


def test_under_wsl_the_driver_is_the_one_of_windows(asks: Asks, tmp_path: Path) -> None:
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/osrelease").write_text("5.15.153.1-microsoft-standard-WSL2\n")
    for code in (9, 999):
        (found,) = asks("mib = 24576", f"nvmlInitWithFlags = {code}").list()
        assert "Windows" in found.fix
    assert [one.fault for one in asks("mib = 24576").list()] == [""]


# -- what is read each second


def test_a_gpu_that_sleeps_is_not_woken_to_be_read(asks: Asks, tmp_path: Path) -> None:
    card(tmp_path, "0000:01:00.0", runtime_status="suspended")
    machine = asks("mib = 24576", "nvmlInitWithFlags = hang")
    (found,) = machine.read(wakes=False)
    assert (found.is_suspended, found.pci) == (True, "0000:01:00.0")
    assert machine._process is None


def test_beside_one_that_sleeps_the_others_are_read(asks: Asks, tmp_path: Path) -> None:
    card(tmp_path, "0000:01:00.0", runtime_status="suspended")
    card(tmp_path, "0000:02:00.0")
    machine = asks("mib = 24576,8192", "0.nvmlDeviceGetHandleByPciBusId_v2 = hang")
    assert [(one.pci, one.is_suspended) for one in machine.read(wakes=False)] == [
        ("0000:01:00.0", True),
        ("0000:02:00.0", False),
    ]


def test_a_gpu_that_could_sleep_and_that_no_program_uses_is_read_rarely(asks: Asks, tmp_path: Path) -> None:
    now = [0.0]
    card(tmp_path, "0000:01:00.0", control="auto")
    machine = asks("mib = 24576", "temperature = 40", clock=lambda: now[0])
    temperatures = []
    for second, temperature in ((0, 40), (1, 41), (29, 42), (31, 43)):
        now[0] = second
        nvml.answer(tmp_path, "mib = 24576", f"temperature = {temperature}")
        temperatures += [one.temperature_c for one in machine.read(wakes=False)]
    assert temperatures == [40, 40, 40, 43]


def test_what_a_container_holds_is_read_at_once_even_of_a_gpu_that_is_read_rarely(asks: Asks, tmp_path: Path) -> None:
    card(tmp_path, "0000:01:00.0", control="auto")
    machine = asks("mib = 24576", own=(4000001,))
    assert machine.held(4000001) == {}
    nvml.answer(tmp_path, "mib = 24576", "held = 4000001", "held_mib = 9000")
    assert machine.held(4000001) == {"GPU-00000000-stand-in": 9000}


def test_what_a_containers_processes_hold_is_found_by_their_ids(asks: Asks) -> None:
    lines = ("mib = 12288,24576", "held = 4000001", "1.drawn = 4000002", "held_mib = 1000")
    assert asks(*lines, own=(4000001, 4000009)).held(4000001) == {
        "GPU-00000000-stand-in": 1000,
        "GPU-00000001-stand-in": 1000,
    }
    assert asks(*lines, own=(4000002,)).held(4000002) == {"GPU-00000001-stand-in": 1000}
    assert asks(*lines, own=(1,)).held(1) == {}


def test_the_library_is_found_where_the_loader_looks(library: Path) -> None:
    code = "from stackctl.effects.gpu.nvml import Nvidia; print(len(Nvidia(lambda _: ()).list()))"
    environment = {"LD_LIBRARY_PATH": str(library), "STANDIN_NVML_MIB": "12288,24576", "PYTHONPATH": ":".join(sys.path)}
    argv = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("2\n", "")
