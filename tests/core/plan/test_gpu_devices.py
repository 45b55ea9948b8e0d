"""Which of a machine's GPUs gpu.devices means, and in which order a program inside the container counts them."""

from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.contracts.host import Gpu
from stackctl.core.config.lock import Decision, Decisions, Lock
from stackctl.core.plan.gpu_devices import KEY, Devices, choose_devices
from stackctl.core.plan.plan import forget_decisions
from stackctl.errors import GpuError
from tests.core.samples import GPU, backend_of, decided, engine, seen, wanted

SCREEN = replace(GPU, index=0, uuid="GPU-a", name="RTX 4090", pci="0000:01:00.0", free_mib=2000, has_display=True)
BIG = replace(GPU, index=1, uuid="GPU-b", name="RTX 3090", pci="0000:41:00.0", free_mib=9000)
OLD = replace(GPU, index=2, uuid="GPU-c", name="Tesla P40", pci="0000:81:00.0", free_mib=8000)
ALL = (SCREEN, BIG, OLD)


def choose(*wanted: str, of: tuple[Gpu, ...] = ALL, recorded: Lock | None = None) -> Devices:
    return choose_devices(wanted, of, Decisions(recorded or Lock()))


@pytest.mark.parametrize(
    ("wanted", "names", "gpus", "main"),
    [
        (("all",), ("all",), ALL, 0),
        (("1",), ("1",), (BIG,), 0),
        (("2", "0"), ("2", "0"), (SCREEN, OLD), 1),
        (("GPU-c",), ("GPU-c",), (OLD,), 0),
        (("41:00.0",), ("GPU-b",), (BIG,), 0),
        (("00000000:41:00.0", "0"), ("GPU-b", "0"), (SCREEN, BIG), 1),
        (("nvidia.com/gpu=1",), ("nvidia.com/gpu=1",), (BIG,), 0),
        (("nvidia.com/gpu=all",), ("nvidia.com/gpu=all",), ALL, 0),
        (("free",), ("GPU-b",), (BIG,), 0),
        (("count:2",), ("GPU-b", "GPU-c"), (BIG, OLD), 0),
        (("count:3",), ("all",), ALL, 0),
        (("not-display",), ("GPU-b", "GPU-c"), (BIG, OLD), 0),
        (("not-display", "count:1"), ("GPU-b",), (BIG,), 0),
    ],
)
def test_gpu_devices_names_gpus_by_index_uuid_and_address_or_says_of_what_kind_they_are(
    wanted: tuple[str, ...], names: tuple[str, ...], gpus: tuple[Gpu, ...], main: int
) -> None:
    assert choose(*wanted) == Devices(names=names, gpus=gpus, main=main)


@pytest.mark.parametrize("wanted", [("7",), ("MIG-5f1c",), ("0:1", "0:2")])
def test_what_is_not_visible_from_here_or_part_of_a_gpu_goes_to_the_engine_as_it_is(wanted: tuple[str, ...]) -> None:
    assert choose(*wanted, of=() if wanted == ("7",) else ALL) == Devices(names=wanted)


@pytest.mark.parametrize(
    ("wanted", "of", "says"),
    [
        (("7",), ALL, "this machine has no GPU 7, only GPU 0 (RTX 4090), GPU-a, GPU 1 (RTX 3090), GPU-b, GPU 2"),
        (("GPU-5f",), ALL, "this machine has no GPU GPU-5f, only GPU 0"),
        (("02:00.0",), ALL, "this machine has no GPU 02:00.0, only GPU 0"),
        (("0", "GPU-a"), ALL, "names GPU 0 (RTX 4090) more than once"),
        (("count:4",), ALL, 'gpu.devices = ["count:4"]: of the GPUs of this machine 3 can be used: GPU 0'),
        (("not-display",), (SCREEN,), "every GPU of this machine has a display: GPU 0 (RTX 4090), GPU-a"),
        (("1",), (SCREEN, replace(BIG, fault="it has fallen off the bus")), "GPU 1 (RTX 3090): it has fallen off"),
        (
            ("all",),
            (replace(SCREEN, fault="it is lost"),),
            "no GPU of this machine can be used: GPU 0 (RTX 4090): it is",
        ),
    ],
)
def test_a_gpu_that_does_not_exist_or_can_not_be_used_is_refused_with_those_that_can(
    wanted: tuple[str, ...], of: tuple[Gpu, ...], says: str
) -> None:
    with pytest.raises(GpuError) as caught:
        choose(*wanted, of=of)
    assert says in caught.value.message
    assert caught.value.exit_code == 5
    assert caught.value.hint.startswith(("Set `gpu.devices", "Name each", "Run on the CPU"))


@pytest.mark.parametrize("kind", ["all", "free", "count:2", "not-display"])
def test_a_gpu_that_its_driver_can_not_use_is_left_out_of_every_kind_with_a_note(kind: str) -> None:
    lost = replace(BIG, fault="it has fallen off the bus", free_mib=12_000)
    assert lost not in choose(kind, of=(SCREEN, lost, OLD)).gpus
    got = decided(wanted(gpu={"devices": (kind,)}), seen(gpus=(SCREEN, lost, OLD)))
    assert "GPU 1 (RTX 3090) is left out: it has fallen off the bus" in got.plan.notes
    request = backend_of(got.plan).gpu
    assert request
    assert "GPU-b" not in request.gpus


def test_the_free_one_is_decided_once_and_again_when_it_is_gone_or_asked_for() -> None:
    """What this stack itself holds counts as free; what others hold later moves no stack."""
    spec = wanted(gpu={"devices": ("free",)})
    own = replace(BIG, free_mib=1000, own_mib=8500)
    first = decided(spec, seen(gpus=(SCREEN, own, OLD)))
    assert first.lock.decisions[KEY].value == ("GPU-b",)
    busy = seen(gpus=(SCREEN, replace(BIG, free_mib=10), OLD))
    assert chosen(decided(spec, busy, first.lock).lock) == ["GPU-b"]
    assert chosen(decided(spec, busy, forget_decisions(first.lock)).lock) == ["GPU-c"]
    assert chosen(decided(spec, seen(gpus=(SCREEN, OLD)), first.lock).lock) == ["GPU-c"]


def chosen(lock: Lock) -> list[str]:
    return list(lock.decisions[KEY].value)


def test_a_plain_list_of_gpus_is_no_decision() -> None:
    for devices in (("all",), ("0", "2"), ("not-display",)):
        assert KEY not in decided(wanted(gpu={"devices": devices}), seen(gpus=ALL)).lock.decisions


GPUS = st.lists(
    st.builds(
        lambda free, own, has_display, fault: replace(
            GPU, free_mib=free, own_mib=own, has_display=has_display, fault=fault
        ),
        st.integers(0, 12_000),
        st.integers(0, 2_000),
        st.booleans(),
        st.sampled_from(["", "", "it is lost"]),
    ),
    min_size=1,
    max_size=8,
).map(lambda found: tuple(replace(one, index=at, uuid=f"GPU-{at}") for at, one in enumerate(found)))
WANTED = st.one_of(
    st.sampled_from([("all",), ("free",), ("not-display",), ("free", "not-display"), ("count:2",)]),
    st.lists(st.integers(0, 8).map(str), min_size=1, max_size=3).map(tuple),
)


@given(GPUS, WANTED)
def test_whatever_is_chosen_works_is_counted_by_address_and_is_given_to_the_container(
    gpus: tuple[Gpu, ...], wanted: tuple[str, ...]
) -> None:
    with suppress(GpuError):  # there is none of that kind: see above
        is_right(choose(*wanted, of=gpus), wanted, gpus)


def is_right(found: Devices, wanted: tuple[str, ...], gpus: tuple[Gpu, ...]) -> None:
    assert found.gpus
    assert list(found.gpus) == sorted(set(found.gpus), key=lambda one: one.index)
    assert not any(one.fault for one in found.gpus)
    named = gpus if found.names == ("all",) else found.gpus
    assert set(found.gpus) == set(named)
    assert found.names == ("all",) or {*found.names} <= {name for one in named for name in (str(one.index), one.uuid)}
    if "not-display" in wanted:
        assert not any(one.has_display for one in found.gpus)
    if "free" in wanted:
        (freest,) = found.gpus
        rivals = [one for one in gpus if not one.fault and not ("not-display" in wanted and one.has_display)]
        assert freest.free_mib + freest.own_mib == max(one.free_mib + one.own_mib for one in rivals)


@pytest.mark.parametrize(
    ("known", "devices", "expected"),
    [
        (("0", "1", "all"), ("GPU-b",), ("1",)),
        (("GPU-a", "GPU-b", "all"), ("1",), ("GPU-b",)),
        (("0", "1", "GPU-a", "GPU-b"), ("all",), ("0", "1")),
        (("all",), ("free", "not-display"), None),
        (("all",), ("count:2",), ("all",)),
    ],
)
def test_cdi_gets_the_name_that_the_engine_knows_a_gpu_by(
    known: tuple[str, ...], devices: tuple[str, ...], expected: tuple[str, ...] | None
) -> None:
    on = engine(cdi_devices=tuple(f"nvidia.com/gpu={one}" for one in known))
    spec, world = wanted(gpu={"mode": "cdi", "devices": devices}), seen(on=on, gpus=(SCREEN, BIG))
    if expected is None:
        with pytest.raises(GpuError, match=r"no CDI device nvidia\.com/gpu=GPU-b"):
            decided(spec, world)
        return
    request = backend_of(decided(spec, world).plan).gpu
    assert request
    assert request.devices == tuple(f"nvidia.com/gpu={one}" for one in expected)


def test_several_gpus_are_counted_inside_as_the_driver_counts_them_and_one_needs_no_order() -> None:
    two, one = (backend_of(decided(wanted(gpu={"devices": d}), seen(gpus=ALL)).plan) for d in (("2", "0"), ("2",)))
    assert two.environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert two.gpu
    assert (two.gpu.gpus, two.gpu.main) == (("GPU-a", "GPU-c"), 1)
    assert "CUDA_DEVICE_ORDER" not in one.environment


def test_a_recorded_choice_that_is_none_is_never_misread() -> None:
    lock = Lock(decisions={KEY: Decision(value="GPU-b", inputs={"devices": ["free"]})})
    with pytest.raises(Exception, match="does not know that value"):
        choose("free", recorded=lock)


@pytest.mark.parametrize(
    ("kind", "main"),
    [("llamacpp", ("--main-gpu", "1")), ("koboldcpp", ("--maingpu", "1")), ("textgen", ("LLAMA_ARG_MAIN_GPU", "1"))],
)
def test_the_gpu_that_is_named_first_is_the_main_one_by_its_number_inside(kind: str, main: tuple[str, str]) -> None:
    for devices, is_said in ((("2", "1"), True), (("1", "2"), False), (("2",), False)):
        plan = decided(wanted(backend={"kind": kind}, gpu={"devices": devices}), seen(gpus=ALL)).plan
        service = backend_of(plan)
        assert (main in {*pairwise(service.command), *service.environment.items()}) == is_said


def test_a_variable_of_this_machine_that_chooses_gpus_is_named_and_not_obeyed() -> None:
    world = replace(seen(gpus=ALL), gpu_variables={"CUDA_VISIBLE_DEVICES": "1", "HIP_VISIBLE_DEVICES": "0"})
    plan = decided(wanted(), world).plan
    says = "CUDA_VISIBLE_DEVICES='1', HIP_VISIBLE_DEVICES='0' are set here and not obeyed: gpu.devices decides"
    assert says in plan.notes
    assert (backend_of(plan).gpu or pytest.fail("it has none")).gpus == ("GPU-a", "GPU-b", "GPU-c")
    assert says not in decided(wanted(gpu={"mode": "none"}), world).plan.notes
