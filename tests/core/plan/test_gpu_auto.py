"""gpu.mode = "auto": a usable NVIDIA GPU, an error for one that can't be used, the CPU with a loud word for none."""

from dataclasses import replace

import pytest

from stackctl.contracts.host import Gpu
from stackctl.contracts.service import GpuRequest
from stackctl.core.config.lock import Decision, Decisions, Lock
from stackctl.core.observed import Observed, Ram
from stackctl.core.plan.gpu_request import notes, request_gpu
from stackctl.errors import GpuError
from tests.core.samples import CDI, GPU, engine, seen, wanted

LOST = replace(
    GPU, index=1, uuid="GPU-10c7", pci="0000:02:00.0", total_mib=0, fault="it has fallen off the bus", fix="Reboot."
)
NOUVEAU = replace(LOST, index=-1, uuid="", fault="nouveau has it", fix="Install NVIDIA's driver.")
AMD = replace(GPU, make="amd", uuid="0000:03:00.0", name="AMD Radeon RX 7900 XTX")


def machine(*gpus: Gpu) -> Observed:
    on = engine((28, 5, 2), nvidia_runtime=True, cdi_devices=CDI)
    return replace(seen(on=on, gpus=gpus), ram=Ram(total_mib=32_000, free_mib=30_000))


def request(of: Observed, recorded: Lock | None = None, **gpu: object) -> GpuRequest | None:
    return request_gpu(wanted(gpu=gpu), of, Decisions(recorded or Lock()))


@pytest.mark.parametrize("broken", [(NOUVEAU,), (LOST,), (NOUVEAU, LOST, AMD)])
def test_auto_refuses_a_gpu_that_cannot_be_used_and_names_the_fix(broken: tuple[Gpu, ...]) -> None:
    with pytest.raises(GpuError) as refused:
        request(machine(*broken))
    assert broken[0].fault in refused.value.message
    assert refused.value.hint.startswith(broken[0].fix)
    assert "`stackctl deploy --cpu`" in refused.value.hint
    assert refused.value.exit_code == 5


def test_auto_does_not_move_a_stack_to_the_cpu_because_its_gpu_fails() -> None:
    recorded = Decisions(Lock())
    assert request_gpu(wanted(), machine(GPU), recorded)
    with pytest.raises(GpuError):
        request(machine(LOST), recorded.lock())


def test_auto_takes_the_usable_gpus_and_says_which_one_is_left_out_and_why() -> None:
    of = machine(GPU, LOST)
    taken = request(of)
    assert taken
    assert taken.devices == (GPU.uuid,)
    (note,) = notes(wanted(), taken, of)
    assert note == "GPU 1 (RTX 3060) is left out: it has fallen off the bus. Reboot"


def test_a_card_that_the_driver_does_not_list_changes_nothing_but_a_note() -> None:
    of = machine(GPU, NOUVEAU)
    taken = request(of)
    assert taken == request(machine(GPU))
    (note,) = notes(wanted(), taken, of)
    assert note == "the GPU RTX 3060 at 0000:02:00.0 is left out: nouveau has it. Install NVIDIA's driver"


@pytest.mark.parametrize("mode", ["nvidia", "cdi"])
def test_a_mode_that_is_named_is_the_users_word_and_the_fault_is_a_note(mode: str) -> None:
    of = machine(NOUVEAU)
    taken = request(of, mode=mode)
    assert taken
    assert any("nouveau has it" in note for note in notes(wanted(gpu={"mode": mode}), taken, of))


def test_without_any_gpu_the_cpu_is_used_and_that_is_said_loudly() -> None:
    of = machine()
    assert request(of) is None
    (note,) = notes(wanted(), None, of)
    assert note.startswith("NO GPU")
    assert "slower" in note
    assert "--cpu" in note


def test_a_gpu_of_another_make_is_named_with_the_loud_word() -> None:
    first, second = notes(wanted(), None, machine(AMD))
    assert "GPU 0 (AMD Radeon RX 7900 XTX) is not used" in first
    assert second.startswith("NO GPU IS USED: this machine has no NVIDIA GPU")


def test_a_gpu_of_another_make_with_a_fault_is_not_offered() -> None:
    first, _ = notes(wanted(), None, machine(replace(AMD, fault="it has no render node", fix="Update the kernel.")))
    assert first == "GPU 0 (AMD Radeon RX 7900 XTX) can't be used: it has no render node. Update the kernel"


def test_who_asks_for_the_cpu_gets_it_without_a_word() -> None:
    of = machine(NOUVEAU, AMD)
    assert request(of, mode="none") is None
    assert list(notes(wanted(gpu={"mode": "none"}), None, of)) == []


def test_what_was_decided_for_a_gpu_stands_whatever_other_cards_appear() -> None:
    before = Decisions(Lock())
    expected = request_gpu(wanted(), machine(GPU), before)
    after = Decisions(before.lock())
    assert request_gpu(wanted(), machine(GPU, AMD, NOUVEAU), after) == expected
    assert after.taken == before.taken
    assert all(isinstance(one, Decision) for one in after.taken.values())
