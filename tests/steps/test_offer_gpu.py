"""A GPU of another make is offered once for each stack, and only where a yes could be carried out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.cli.offered_gpu import leaves_offered_gpu
from stackctl.contracts.host import Gpu
from stackctl.core.config import lock as lock_file
from stackctl.core.config.lock import Lock
from stackctl.core.plan.plan import forget_decisions, plan
from stackctl.steps.config_request import load_config
from stackctl.steps.offer_gpu import OfferedGpu, offered_gpu, with_refusal
from tests.commands.machines import Quiet, quiet
from tests.core.samples import ARC_A770, GPU, RADEON_780M, RX_7900_XTX, seen, wanted

UHD_770 = replace(RADEON_780M, make="intel", name="Intel UHD Graphics 770", architecture="")


@pytest.fixture
def here(tmp_path: Path) -> Quiet:
    return quiet(tmp_path)


def offered(here: Quiet, *gpus: Gpu, **flags: object) -> OfferedGpu | None:
    here.gpus.found = gpus
    return offered_gpu(here.machine, load_config(here.machine, {name.replace("_", "."): flags[name] for name in flags}))


@pytest.mark.parametrize(
    ("gpus", "backend", "expected"),
    [
        ((RX_7900_XTX,), "llamacpp", OfferedGpu(name=RX_7900_XTX.name, modes=("rocm", "vulkan"))),
        ((RX_7900_XTX,), "koboldcpp", OfferedGpu(name=RX_7900_XTX.name, modes=("vulkan",))),
        ((RX_7900_XTX,), "text-generation-webui", OfferedGpu(name=RX_7900_XTX.name, modes=("rocm",))),
        ((ARC_A770,), "text-generation-webui", None),
        ((ARC_A770, RADEON_780M), "llamacpp", OfferedGpu(name=ARC_A770.name, modes=("vulkan",))),
        ((ARC_A770, RX_7900_XTX), "llamacpp", OfferedGpu(name=RX_7900_XTX.name, modes=("rocm", "vulkan"))),
        ((replace(RX_7900_XTX, architecture=""),), "llamacpp", OfferedGpu(name=RX_7900_XTX.name, modes=("vulkan",))),
        ((replace(RX_7900_XTX, fault="it has fallen off the bus"),), "llamacpp", None),
        ((UHD_770, RADEON_780M), "llamacpp", None),
        ((RX_7900_XTX, GPU), "llamacpp", None),
        ((), "llamacpp", None),
    ],
)
def test_the_largest_gpu_is_offered_with_the_modes_that_the_backend_has_an_image_for(
    here: Quiet, gpus: tuple[Gpu, ...], backend: str, expected: OfferedGpu | None
) -> None:
    assert offered(here, *gpus, backend_kind=backend) == expected


@pytest.mark.parametrize("mode", ["none", "vulkan", "rocm", "nvidia"])
def test_nothing_is_offered_where_a_mode_is_named(here: Quiet, mode: str) -> None:
    assert offered(here, RX_7900_XTX, gpu_mode=mode) is None


def test_nor_where_the_engine_is_elsewhere(here: Quiet) -> None:
    here.docker.is_local = False
    assert offered(here, RX_7900_XTX) is None


def test_a_refusal_is_kept_and_ends_the_question(here: Quiet) -> None:
    refused = with_refusal(Lock())
    (here.machine.path / "stack.lock").write_text(lock_file.dump(refused))
    assert offered(here, RX_7900_XTX) is None
    planned = plan(wanted(), seen(gpus=(RX_7900_XTX,)), refused)
    assert planned.lock.decisions["gpu.offer"].value == "no"
    assert "gpu.offer" in forget_decisions(planned.lock).decisions


@pytest.mark.parametrize(
    ("answer", "leaves", "changes"),
    [
        ("vulkan", False, {"gpu.mode": "vulkan"}),
        ("rocm", False, {"gpu.mode": "rocm"}),
        ("none", True, {}),
        (None, False, {}),
    ],
)
def test_an_answer_becomes_gpu_mode_or_a_refusal_and_without_a_terminal_nothing(
    here: Quiet, answer: str | None, leaves: bool, changes: dict[str, object]
) -> None:
    asked: list[tuple[str, tuple[str, ...]]] = []

    def ask(question: str, names: Sequence[str]) -> str | None:
        asked.append((question, tuple(names)))
        return answer

    here.gpus.found = (RX_7900_XTX,)
    given: dict[str, object] = {}
    assert leaves_offered_gpu(here.machine, given, ask) == leaves
    assert given == changes
    ((question, names),) = asked
    assert question.startswith("AMD Radeon RX 7900 XTX: ")
    assert "have not tried" in question
    assert names == ("rocm", "vulkan", "none")


def test_a_mode_of_the_command_line_ends_the_question(here: Quiet) -> None:
    here.gpus.found = (RX_7900_XTX,)

    def never(question: str, names: Sequence[str]) -> str | None:
        raise AssertionError(question, names)

    assert not leaves_offered_gpu(here.machine, {"gpu.mode": "none"}, never)
    here.gpus.found = (GPU,)
    assert not leaves_offered_gpu(here.machine, {}, never)
