"""What every make of GPU must keep, whichever it is: GPUS is the parameter."""

from dataclasses import replace
from types import SimpleNamespace
from typing import cast, get_args

import pytest

from stackctl.backends import BACKENDS
from stackctl.contracts.host import Gpu
from stackctl.contracts.memory import Device
from stackctl.contracts.service import CPU
from stackctl.errors import GpuError
from stackctl.gpus import GPUS, MODES, described_modes, find_make, nvidia
from stackctl.gpus.contract import Make, Offer
from tests.core.samples import CDI, GPU

NOTHING = Offer(version=(28, 5, 2))
PODMAN = Offer(version=(5, 8, 6), product="Podman")
EVERYTHING = Offer(version=(28, 5, 2), runtimes=("runc", "nvidia"), cdi_devices=CDI)


@pytest.fixture(params=list(GPUS.values()), ids=list(GPUS))
def make(request: pytest.FixtureRequest) -> Make:
    found: Make = request.param
    return found


def test_a_mode_is_no_word_that_means_something_else(make: Make) -> None:
    assert make.MODES
    assert not {"auto", "none"} & make.MODES.keys()
    assert all(words in described_modes() for words in make.MODES.values())


def test_a_make_has_an_image_of_some_backend_and_an_estimate(make: Make) -> None:
    assert make.VARIANT != CPU
    assert any(make.VARIANT in backend.IMAGES for backend in BACKENDS.values())
    assert make.DEVICE in get_args(Device)


@pytest.mark.parametrize("offer", [None, NOTHING, EVERYTHING])
def test_the_mode_that_a_make_chooses_is_one_of_its_own(make: Make, offer: Offer | None) -> None:
    assert make.choose_mode(offer) in make.MODES


def test_what_a_make_requests_is_its_own_and_something(make: Make) -> None:
    for mode in make.MODES:
        request = make.request(mode, ("all",), (), EVERYTHING)
        assert request.make == make.NAME
        assert request.driver or request.files
        assert make.count(request, ()) == 1
        assert make.count(request, (GPU, GPU)) == 2
        assert make.is_given(request, (request.driver,), request.files)


def test_a_device_file_that_a_container_must_open_has_a_cause_that_names_it_and_what_gives_it_back(make: Make) -> None:
    for node in make.NODES:
        found = make.lost(node)
        assert node.startswith("/dev/")
        assert (found.kind, found.says.endswith(f"its container can't open {node}")) == ("gpu", True)
        assert found.hint.startswith("Run `stackctl restart`")


def test_a_container_without_the_driver_that_was_asked_for_has_no_gpu() -> None:
    request = nvidia.request("nvidia", ("0",), (), None)
    assert nvidia.is_given(request, ("nvidia",), ())
    assert not nvidia.is_given(request, (), ("/dev/nvidia0",))
    assert not nvidia.is_given(request, ("cdi",), ())


@pytest.mark.parametrize(
    ("devices", "is_given"),
    [
        (("/dev/fuse", "/dev/nvidiactl", "/dev/nvidia0"), True),
        (("/dev/dxg",), True),
        (("/dev/fuse",), False),
        ((), False),
    ],
)
def test_one_that_asked_for_device_files_has_them_or_no_gpu(devices: tuple[str, ...], is_given: bool) -> None:
    request = nvidia.request("cdi", ("all",), (), PODMAN)
    assert (request.driver, request.files) == ("", ("nvidia.com/gpu=all",))
    assert nvidia.is_given(request, (), devices) == is_given


def test_an_engine_without_drivers_gives_gpus_by_cdi_alone() -> None:
    assert nvidia.choose_mode(replace(PODMAN, runtimes=("nvidia",))) == "cdi"
    request = nvidia.request("cdi", ("0", "nvidia.com/gpu=1"), (), PODMAN)
    assert request.files == ("nvidia.com/gpu=0", "nvidia.com/gpu=1")
    assert nvidia.count(request, (GPU, GPU, GPU)) == 2
    assert nvidia.count(nvidia.request("cdi", ("all",), (), PODMAN), (GPU, GPU)) == 2
    with pytest.raises(GpuError, match="Podman can't pass a GPU on by the toolkit's driver") as caught:
        nvidia.request("nvidia", ("all",), (), PODMAN)
    assert "--gpu cdi" in caught.value.hint


def test_of_two_makes_with_a_mode_the_one_that_is_here_is_passed_on() -> None:
    def passed_on(seen: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
        return tuple(gpu for gpu in seen if gpu.make == "another")

    other = cast("Make", SimpleNamespace(**{**vars(nvidia), "NAME": "another", "passed_on": passed_on}))
    makes = {nvidia.NAME: nvidia, other.NAME: other}
    assert find_make("cdi", (replace(GPU, make="another"),), makes) is other
    assert find_make("cdi", (GPU,), makes) is nvidia
    assert find_make("cdi", (), makes) is nvidia


def test_a_mode_leads_to_the_make_that_has_it_whatever_is_seen() -> None:
    for mode in MODES:
        assert mode in find_make(mode, ()).MODES
        assert mode in find_make(mode, (replace(GPU, make="another"), GPU)).MODES
