"""Which GPUs, by which way, and whether the container got them."""

from dataclasses import replace

import pytest

from stackctl.contracts.cdi import CdiFile, CdiSeen, Edits, PathSeen
from stackctl.contracts.host import Gpu
from stackctl.contracts.service import GpuRequest
from stackctl.core.config.lock import Decisions, Lock
from stackctl.core.observed import EngineSeen, ServiceState
from stackctl.core.plan import gpu_request
from stackctl.core.start.docker_errors import version
from stackctl.errors import GpuError
from tests.core.samples import CDI, GPU, a_plan, engine, seen, wanted

STALE = CdiSeen(
    folders=("/etc/cdi", "/var/run/cdi"),
    files=(
        CdiFile(path="/var/run/cdi/a.yaml", folder=1, devices={CDI[0]: Edits(mounts=("/lib/libcuda.so.550.54.14",))}),
        CdiFile(path="/var/run/cdi/b.yaml", folder=1, error="it is neither YAML nor JSON"),
    ),
    paths={"/lib/libcuda.so.550.54.14": PathSeen()},
)


@pytest.mark.parametrize(
    ("listed", "product", "says"),
    [
        (CDI, "Docker Engine", "/var/run/cdi/a.yaml is stale: it mounts /lib/libcuda.so.550.54.14, which does not"),
        (CDI, "Podman Engine", "/var/run/cdi/a.yaml is stale"),
        ((), "Docker Engine", "can't use the CDI file /var/run/cdi/b.yaml"),
    ],
)
def test_a_cdi_file_that_gives_no_gpu_is_the_reason_of_a_refusal(
    listed: tuple[str, ...], product: str, says: str
) -> None:
    on = replace(engine(cdi_devices=listed), product=product)
    around = replace(seen(on=on, gpus=(GPU,)), cdi=STALE)
    if not listed:
        around = replace(around, cdi=replace(STALE, files=STALE.files[1:]))
    spec = wanted(gpu={"mode": "cdi", "devices": ("0",)})
    with pytest.raises(GpuError) as caught:
        gpu_request.request_gpu(spec, around, Decisions(Lock()))
    assert says in caught.value.message
    by_hook = wanted(gpu={"mode": "nvidia"})
    request = gpu_request.request_gpu(by_hook, replace(around, engine=engine()), Decisions(Lock()))
    assert request is not None  # an engine that takes the toolkit's hook reads no CDI file


@pytest.mark.parametrize(
    ("on", "words"),
    [
        (engine((20, 10, 24)), ["25 or newer", "--gpu nvidia"]),
        (engine((26, 1, 5)), ["nvidia-ctk cdi generate", '"features": {"cdi": true}', "restart the engine"]),
        (engine((28, 5, 2)), ["nvidia-ctk cdi generate", "restart the engine"]),
        (engine((28, 5, 2), cdi_devices=("vendor.com/net=0",)), ["vendor.com/net=0", "nvidia-ctk cdi generate"]),
    ],
)
def test_the_fix_for_a_missing_cdi_device_is_that_of_the_engines_version(on: EngineSeen, words: list[str]) -> None:
    with pytest.raises(GpuError) as caught:
        gpu_request.request_gpu(wanted(gpu={"mode": "cdi"}), seen(on=on, gpus=(GPU,)), Decisions(Lock()))
    assert all(word in caught.value.hint for word in words), caught.value.hint
    assert ("features" in caught.value.hint) == (on.version[0] == 26)


def test_a_remote_engine_that_lists_no_devices_is_asked_itself() -> None:
    remote = replace(engine((27, 5, 1)), is_local=False)
    request = gpu_request.request_gpu(wanted(gpu={"mode": "cdi"}), seen(on=remote), Decisions(Lock()))
    assert request == GpuRequest(make="nvidia", driver="cdi", devices=("nvidia.com/gpu=all",))


@pytest.mark.parametrize(
    ("request_", "gpus", "count"),
    [
        (GpuRequest(make="nvidia", driver="nvidia", devices=()), 2, 2),
        (GpuRequest(make="nvidia", driver="nvidia", devices=()), 0, 1),  # rendered elsewhere: one at least
        (GpuRequest(make="nvidia", driver="nvidia", devices=("1",)), 2, 1),
        (GpuRequest(make="nvidia", driver="cdi", devices=("nvidia.com/gpu=all",)), 3, 3),
        (GpuRequest(make="nvidia", driver="cdi", devices=("nvidia.com/gpu=0", "nvidia.com/gpu=1")), 4, 2),
    ],
)
def test_gpus_are_counted_as_requested(request_: GpuRequest, gpus: int, count: int) -> None:
    assert gpu_request.gpu_count(request_, seen(gpus=(GPU,) * gpus)) == count


@pytest.mark.parametrize(
    ("mode", "service", "drivers", "is_lost"),
    [
        ("nvidia", "llamacpp", ("nvidia",), False),
        ("nvidia", "llamacpp", (), True),
        ("cdi", "llamacpp", ("cdi",), False),
        ("cdi", "llamacpp", ("nvidia",), True),
        ("cdi", "sillytavern", (), False),
        ("none", "llamacpp", (), False),
    ],
)
def test_a_backend_without_the_gpu_that_was_decided_is_an_error(
    mode: str, service: str, drivers: tuple[str, ...], is_lost: bool
) -> None:
    plan = a_plan(wanted(gpu={"mode": mode}))
    state = ServiceState(name=service, container="c", state="running", gpu_drivers=drivers)
    error = gpu_request.lost_gpu(state, plan)
    assert (error is not None) == is_lost
    if error:
        assert error.exit_code == 5
        assert "compose.override.yml" in error.hint


@pytest.mark.parametrize(("devices", "is_lost"), [(("/dev/nvidia0",), False), ((), True)])
def test_so_it_is_where_the_gpu_is_device_files(devices: tuple[str, ...], is_lost: bool) -> None:
    podman = replace(engine((5, 8, 6)), product="Podman Engine")
    plan = a_plan(wanted(gpu={"mode": "cdi"}), seen(on=podman))
    state = ServiceState(name="llamacpp", container="c", state="running", devices=devices)
    assert (gpu_request.lost_gpu(state, plan) is not None) == is_lost


@pytest.mark.parametrize(
    ("says", "numbers"),
    [
        ("2.40.3", (2, 40, 3)),
        ("2.40.3-3\n", (2, 40, 3)),
        ("v2.40.3-3", (2, 40, 3)),
        ("2.26.1-4", (2, 26, 1)),
        ("v2.29.1-desktop.1", (2, 29, 1)),
        ("2.9.0", (2, 9, 0)),
        ("5.0.1", (5, 0, 1)),
        ("v5.1.0-rc.1", (5, 1, 0)),
        ("1.29.2", (1, 29, 2)),
        ("Docker Compose version v2.20.2", (2, 20, 2)),
        ("10.0", (10, 0, 0)),
        ("dev", None),
        ("", None),
    ],
)
def test_a_version_is_numbers(says: str, numbers: tuple[int, ...] | None) -> None:
    assert version(says) == numbers


def test_versions_compare_as_numbers() -> None:
    said = ["1.29.2", "2.9.0", "2.20.0", "2.26.1-4", "v2.40.3-3", "5.0.0", "10.0.0"]
    numbers = [version(one) or () for one in said]
    assert numbers == sorted(numbers)


AMD = replace(GPU, make="amd", uuid="0000:03:00.0", name="AMD Radeon RX 7900 XTX", cuda=())
INTEL = replace(GPU, make="intel", uuid="0000:00:02.0", name="Intel UHD Graphics 770", total_mib=0, free_mib=0, cuda=())


@pytest.mark.parametrize("others", [(AMD,), (INTEL,), (INTEL, AMD)])
def test_auto_uses_the_cpu_where_the_gpus_are_of_other_makes(others: tuple[Gpu, ...]) -> None:
    assert gpu_request.request_gpu(wanted(), seen(gpus=others), Decisions(Lock())) is None


@pytest.mark.parametrize("others", [(INTEL, GPU), (GPU, AMD, INTEL)])
def test_gpus_of_other_makes_change_nothing_about_nvidias(others: tuple[Gpu, ...]) -> None:
    alone, among = Decisions(Lock()), Decisions(Lock())
    on = engine((28, 5, 2), nvidia_runtime=True)
    expected = gpu_request.request_gpu(wanted(), seen(on=on, gpus=(GPU,)), alone)
    assert gpu_request.request_gpu(wanted(), seen(on=on, gpus=others), among) == expected
    assert among.lock() == alone.lock()
