"""What proves that layers are on a GPU, what shows that none are, and which difference from the plan is said."""

from dataclasses import replace

import pytest

from stackctl.backends.contract import Buffer, Offloaded
from stackctl.core.gpu.offload import GpuUse, Offload, Wanted, describe, differences, is_early_failure, judge

ALL = Offloaded(layers=33, of=33)
WANTED = Wanted(layers=33, of=33)
GPU = GpuUse(uuid="GPU-1", name="RTX 3060", planned_mib=8000)
SECOND = replace(GPU, uuid="GPU-2", name="RTX 3090")
WEIGHTS = Buffer(device="CUDA0", term="weights", mib=4403.5)
IN_RAM = Buffer(device="", term="weights", mib=4403.5)


def offload(
    *gpus: GpuUse,
    reported: tuple[Offloaded, ...] = (),
    buffers: tuple[Buffer, ...] = (),
    wanted: Wanted = WANTED,
    is_wsl: bool = False,
) -> Offload:
    return Offload(wanted=wanted, reported=reported, buffers=buffers, gpus=gpus, is_wsl=is_wsl)


def by_free(gpu: GpuUse, before: int, after: int) -> GpuUse:
    return replace(gpu, before_mib=before, after_mib=after)


# -- the verdict


@pytest.mark.parametrize(
    ("seen", "state", "words"),
    [
        (offload(reported=(ALL,)), "works", "33 of 33 layers are on the GPU, as the backend reports"),
        (offload(reported=(Offloaded(layers=0, of=33),)), "fails", "0 of 33 layers are on the GPU"),
        (offload(buffers=(IN_RAM, WEIGHTS)), "works", "4404 MiB of the weights are on the GPU"),
        (offload(buffers=(IN_RAM,)), "fails", "all weights are in RAM"),
        (offload(replace(GPU, held_mib=7900)), "works", "the GPU holds 7900 MiB for the backend"),
        (offload(by_free(GPU, 11800, 3900)), "works", "holds 7900 MiB for the backend, and 8000 were planned"),
        (offload(by_free(GPU, 11800, 11790)), "fails", "holds 10 MiB for the backend, and 8000 were planned"),
        (offload(by_free(GPU, 11800, 12000)), "fails", "holds 0 MiB"),  # another program freed memory
        (offload(by_free(GPU, 11800, 3900), by_free(SECOND, 24000, 16000)), "works", "15900 MiB"),
        (offload(replace(GPU, held_mib=0), replace(SECOND, held_mib=9000)), "works", "9000 MiB"),  # all on one
        (offload(by_free(GPU, 11800, 11800), by_free(SECOND, 24000, 23990)), "fails", "16000 were planned"),
        (offload(), "not tried", "the backend reports nothing, and its driver does not tell"),
        (offload(GPU), "not tried", "its driver does not tell"),
        (offload(by_free(GPU, 11800, 3900), SECOND), "not tried", "its driver does not tell"),
        (offload(by_free(replace(GPU, planned_mib=400), 11800, 11790)), "not tried", "too little memory"),
        (offload(by_free(replace(GPU, planned_mib=None), 11800, 3900)), "not tried", "too little memory"),
        (offload(replace(GPU, planned_mib=None, held_mib=300)), "works", "300 MiB"),
    ],
)
def test_the_backends_report_proves_most_then_its_processes_then_the_free_memory(
    seen: Offload, state: str, words: str
) -> None:
    found = judge(seen)
    assert (found.layer, found.state) == ("program", state)
    assert words in found.says
    assert bool(found.hint) == (state == "fails")


def test_a_report_counts_though_another_program_frees_as_much_meanwhile() -> None:
    assert judge(offload(by_free(GPU, 4000, 4000), reported=(ALL,))).state == "works"
    assert judge(offload(by_free(GPU, 11800, 3900), reported=(Offloaded(layers=0, of=33),))).state == "fails"


def test_a_draft_model_and_a_trial_do_not_speak_for_the_model() -> None:
    draft, trial = Offloaded(layers=0, of=17), Offloaded(layers=20, of=33)
    assert offload(reported=(trial, ALL, draft)).layers == ALL
    assert offload(reported=(draft, trial), wanted=Wanted()).layers == trial
    assert not is_early_failure(WANTED, draft)
    assert not is_early_failure(Wanted(), Offloaded(layers=0, of=33))  # it may be a draft model's
    assert is_early_failure(WANTED, Offloaded(layers=0, of=33))


def test_of_reports_that_contradict_each_other_the_driver_decides() -> None:
    none = Offloaded(layers=0, of=33)
    for reports in ((ALL, none), (none, ALL)):  # a model's chat template comes last, its name first
        assert judge(offload(by_free(GPU, 11800, 3900), reported=reports)).state == "works"
        assert judge(offload(by_free(GPU, 4000, 4000), reported=reports)).state == "fails"
    assert judge(offload(reported=(none, ALL))).state == "works"  # the driver does not tell


# -- the differences


def test_fewer_layers_than_planned_are_said_with_both_figures() -> None:
    (said,) = differences(offload(reported=(Offloaded(layers=20, of=33),)))
    assert said.startswith("20 of 33 layers are on the GPU, but 33 were planned")
    assert differences(offload(reported=(ALL,), wanted=Wanted(layers=99, of=33))) == ()
    assert differences(offload(reported=(Offloaded(layers=20, of=33),), wanted=Wanted())) == ()


@pytest.mark.parametrize(("held", "is_said"), [(8000, False), (8799, False), (8801, True), (7201, False), (7199, True)])
def test_a_difference_is_said_from_a_tenth_on(held: int, *, is_said: bool) -> None:
    assert bool(differences(offload(replace(GPU, held_mib=held)))) == is_said


@pytest.mark.parametrize(("held", "is_said"), [(700, False), (701, True), (100, False)])
def test_a_small_difference_is_not_said_however_large_its_share(held: int, *, is_said: bool) -> None:
    assert bool(differences(offload(replace(GPU, planned_mib=400, held_mib=held)))) == is_said


def test_by_free_memory_another_program_may_explain_it_and_by_processes_not() -> None:
    (by_free_memory,) = differences(offload(by_free(GPU, 11800, 1000)))
    assert "RTX 3060 holds 10800 MiB for the backend, and 8000 were planned" in by_free_memory
    assert "or another program took memory meanwhile" in by_free_memory
    (by_process,) = differences(offload(replace(by_free(GPU, 11800, 1000), held_mib=9500)))
    assert "holds 9500 MiB" in by_process
    assert "another program" not in by_process
    (freed,) = differences(offload(by_free(GPU, 11800, 7800)))
    assert "or another program freed memory meanwhile" in freed


def test_each_gpu_is_compared_with_its_own_sum() -> None:
    (said,) = differences(offload(replace(GPU, held_mib=8100), replace(SECOND, held_mib=200)))
    assert "RTX 3090 holds 200 MiB" in said


def test_under_wsl_a_full_gpu_that_holds_too_little_has_put_the_rest_into_ram() -> None:
    full = by_free(GPU, 4100, 40)
    (said,) = differences(offload(full, reported=(ALL,), is_wsl=True))
    assert "only 40 MiB are free: the driver under WSL has put the rest into RAM, which is slow" in said
    assert "WSL" not in differences(offload(full, reported=(ALL,)))[0]
    assert "WSL" not in differences(offload(by_free(GPU, 11800, 7000), reported=(ALL,), is_wsl=True))[0]


def test_what_is_unknown_is_no_difference() -> None:
    assert differences(offload(GPU, replace(by_free(SECOND, 11800, 0), planned_mib=None))) == ()


def test_what_is_on_the_gpus_is_told_with_what_was_planned() -> None:
    seen = offload(replace(GPU, held_mib=7900), replace(SECOND, planned_mib=None, held_mib=50), reported=(ALL,))
    assert describe(seen) == "33 of 33 layers on the GPU, 7900 MiB of RTX 3060 (8000 planned), 50 MiB of RTX 3090"
    assert describe(offload(GPU)) == ""
