"""A backend on the CPU has a thread for each physical core; what runs already is not made again for it."""

from dataclasses import replace

import pytest

from stackctl.contracts.host import ReadSpeed
from stackctl.contracts.service import GpuRequest
from stackctl.core.config.lock import Decision, Decisions, Lock
from stackctl.core.observed import Observed
from stackctl.core.plan.cpu_threads import choose_threads
from tests.core.samples import seen, wanted


def machine(cores: int = 12) -> Observed:
    return replace(seen(), read_speed=ReadSpeed(one_gb_per_s=10, all_gb_per_s=40, cores=cores))


def recorded(gpus: list[object], **more: Decision) -> Lock:
    return Lock(decisions={"backend.context": Decision(value=8192, inputs={"gpus": gpus}), **more})


def test_a_new_stack_on_the_cpu_has_a_thread_for_each_physical_core() -> None:
    decisions = Decisions(Lock())
    assert choose_threads(wanted(), machine(), None, decisions) == 12
    assert choose_threads(wanted(), machine(), None, Decisions(decisions.lock())) == 12


@pytest.mark.parametrize(("limit", "threads"), [(4.0, 4), (2.5, 3), (0.5, 1), (64.0, 12)])
def test_it_has_no_more_threads_than_its_limit_has_processors(limit: float, threads: int) -> None:
    spec = wanted(limits={"backend_cpus": limit})
    assert choose_threads(spec, machine(), None, Decisions(Lock())) == threads


def test_what_stack_toml_says_counts() -> None:
    assert choose_threads(wanted(backend={"threads": 3}), machine(), None, Decisions(Lock())) == 3


@pytest.mark.parametrize(
    ("of", "gpu"),
    [(machine(), GpuRequest(make="nvidia", driver="nvidia")), (replace(machine(), read_speed=None), None)],
)
def test_with_a_gpu_or_unknown_cores_the_backend_decides(of: Observed, gpu: GpuRequest | None) -> None:
    assert choose_threads(wanted(), of, gpu, Decisions(Lock())) is None


def test_a_stack_that_ran_on_the_cpu_before_keeps_what_it_has_until_replan() -> None:
    decisions = Decisions(recorded([]))
    assert choose_threads(wanted(), machine(), None, decisions) is None
    assert "backend.threads" not in decisions.taken


def test_a_stack_that_moves_from_the_gpu_to_the_cpu_gets_them() -> None:
    assert choose_threads(wanted(), machine(), None, Decisions(recorded([["GPU-5f1c", 12288]]))) == 12


def test_another_number_of_cores_is_decided_again() -> None:
    before = recorded([], **{"backend.threads": Decision(value=4, inputs={"cores": 4})})
    assert choose_threads(wanted(), machine(), None, Decisions(before)) == 12
