"""Faults of a GPU's driver, by the stand-in of its library: each is named first, in time, and a healthy one never."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from stackctl.core.doctor.servers import NO_TIME
from stackctl.steps.doctor.gpu import TOO_SHORT
from stackctl.steps.doctor.run_checks import LATE
from tests.e2e.doctor.faults import Seen, doctor
from tests.e2e.doctor.small_engine import OFFLINE
from tests.standins import nvml

pytestmark = [pytest.mark.engine, pytest.mark.debian, pytest.mark.machines]
HEALTHY = ("mib = 24576", "driver = 550.54.14", "cuda = 12040")
_MOST_LOOKS = 5
# a card as the kernel lists it, in the place of this machine's; {driver}: who has it
CARD = """
mount -t tmpfs tmpfs /sys/bus/pci/devices
at=/sys/bus/pci/devices/0000:01:00.0; mkdir $at
echo 0x030000 >$at/class; echo 0x10de >$at/vendor; echo 0x2504 >$at/device
{driver}
"""
NOUVEAU = "mkdir /sys/bus/pci/devices/nouveau; ln -s /sys/bus/pci/devices/nouveau $at/driver"
AMD = CARD.replace("0x10de", "0x1002")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return nvml.build(tmp_path)


def look(folder: Path, *, setup: str = "", library: Path | None = None) -> Seen:
    """Look in the folder of a stack that needs no download, again where a busy machine kept a check from its end."""
    around: Mapping[str, str] = {**OFFLINE, "LD_LIBRARY_PATH": str(library)} if library else OFFLINE
    (place := folder / "stack").mkdir(exist_ok=True)
    (place / "stack.toml").write_text('images = "own"\n[model]\npath = "demo"\n')
    seen, looks = doctor(place, setup=setup, environment=around), 1
    while any(one["message"] in {LATE, TOO_SHORT, NO_TIME} for one in seen.values["checks"]) and looks < _MOST_LOOKS:
        seen, looks = doctor(place, setup=setup, environment=around), looks + 1
    return seen


def gpu_issues(seen: Seen) -> list[str]:
    return [one for one in seen.issues if one.startswith(("gpu", "cdi"))]


@pytest.mark.parametrize(
    ("answers", "issue", "says"),
    [
        pytest.param(("nvmlInitWithFlags = hang",), "gpu-driver-hangs", "does not answer", marks=pytest.mark.sample),
        (("nvmlInitWithFlags = 18",), "gpu-driver-mismatch", "version mismatch"),
        (("nvmlInitWithFlags = 9",), "", ""),  # a library without a driver, and no card: there is no GPU
        (("nvmlInitWithFlags = 999",), "gpu-failed", "Unknown Error"),
        ((*HEALTHY, "nvmlDeviceGetMemoryInfo = 15"), "gpu-failed", "fallen off the bus"),
        ((*HEALTHY, "nvmlDeviceGetName = crash"), "gpu-failed", "ended the process"),
    ],
)
def test_what_the_driver_answers_is_the_first_fault_of_the_gpu(
    tmp_path: Path, library: Path, answers: tuple[str, ...], issue: str, says: str
) -> None:
    nvml.answer(library, *answers)
    seen = look(tmp_path, library=library)
    assert gpu_issues(seen) == ([issue] if issue else [])
    if issue:
        assert seen.first == issue
        assert says in seen.finding(issue)["message"]
        assert seen.finding(issue)["severity"] == "failure"


@pytest.mark.parametrize(
    ("driver", "says"), [("", "no driver for it is installed"), (NOUVEAU, "the kernel's driver nouveau has it")]
)
def test_a_card_without_a_usable_driver_is_named(tmp_path: Path, driver: str, says: str) -> None:
    seen = look(tmp_path, setup=CARD.replace("{driver}", driver))
    assert gpu_issues(seen) == ["gpu-driver-missing"]
    finding = seen.finding("gpu-driver-missing")
    assert (says in finding["message"], finding["context"]) == (True, "0000:01:00.0")


def test_a_card_that_the_stack_would_not_use_is_no_fault(tmp_path: Path) -> None:
    assert gpu_issues(look(tmp_path, setup=AMD.replace("{driver}", ""))) == []


def test_a_machine_without_a_gpu_has_no_fault_of_one(tmp_path: Path) -> None:
    assert gpu_issues(look(tmp_path)) == []


def test_a_gpu_that_works_is_no_fault_of_its_driver(tmp_path: Path, library: Path) -> None:
    nvml.answer(library, *HEALTHY)
    seen = look(tmp_path, library=library)
    assert seen.state("GPU driver") == "passed"
    assert gpu_issues(seen) == ["gpu-not-offered"]  # this engine has no toolkit, and knows no CDI device
